import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The examples import the package by its name.
  resolve: {
    alias: {
      'fovea/explain': fileURLToPath(new URL('src/tasks/explain/index.ts', import.meta.url)),
      fovea: fileURLToPath(new URL('src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 30_000,
    // Node 20 has relaxed SIMD behind a flag, later ones as they are: so the engine's level `relaxed` is tested on all.
    execArgv: process.versions.node.startsWith('20.') ? ['--experimental-wasm-relaxed-simd'] : [],
    reporters: ['default', './tools/count-reporter.ts'],
    // Engines use every core; files beside each other would only wait for one another.
    maxWorkers: 2,
  },
});
