export * from '../core/abi.js'; // moved: import from core/abi.js instead; this file goes
