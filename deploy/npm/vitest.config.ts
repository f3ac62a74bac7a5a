import { defineConfig } from 'vitest/config';

// Each file in a process of its own: servers are ended by handlers of the process.
const shared = { pool: 'forks' as const, testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    // Type errors of tests and of what they test are failures, too: `npm run types`.
    projects: [
      { test: { ...shared, name: 'unit', include: ['tests/*.test.{ts,tsx}'] } },
      // The real server, named by TINTYPE_BIN.
      { test: { ...shared, testTimeout: 180_000, name: 'server', include: ['tests/server/*.test.ts'] } },
      // What npm packs, installed where nothing else is.
      { test: { ...shared, testTimeout: 300_000, name: 'package', include: ['tests/package/*.test.ts'] } },
    ],
  },
});
