// The names under `models`: making models, and loading them from any file that is known.
export * from '../nn/models.js';
