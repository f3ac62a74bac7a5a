// For route handlers and other servers: nothing here belongs into a page.

export { placeholder, PlaceholderError, type Placeholder, type PlaceholderOptions } from './placeholder.js';
export { signUrl, SigningError, type SigningKey, type SignOptions } from './server/sign.js';
export { forward, type ForwardOptions } from './server/forward.js';
export { verifyWebhook, WebhookError, type CloudEvent, type SignedMessage, type WebhookOptions } from './server/webhook.js';
