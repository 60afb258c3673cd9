import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 30_000,
    // Engines use every core; files beside each other would only wait for one another.
    maxWorkers: 2,
  },
});
