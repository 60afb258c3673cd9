import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The examples import the package by its name.
  resolve: { alias: { fovea: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 30_000,
    reporters: ['default', './tools/count-reporter.ts'],
    // Engines use every core; files beside each other would only wait for one another.
    maxWorkers: 2,
  },
});
