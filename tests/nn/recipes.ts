// The recipe for inputs of golden cases, which the replay of golden values has, too.
export * from '../../tools/golden/recipes.js';
