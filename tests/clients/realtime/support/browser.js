// What browsers have and older versions of Node.js do not, for examples that are written for browsers.

import { EventSource } from 'eventsource';
import ws from 'ws';

globalThis.WebSocket ??= ws;
globalThis.EventSource ??= EventSource;
