// Saves a small model again and again: node save-loop.mjs DIST PATH COUNT. Save number n holds the weights n and the
// epoch n, so that a file made of two saves would show.
const [dist, path, count] = process.argv.slice(2);
const { layers, models } = await import(dist);
const model = models.sequential([layers.input([16]), layers.dense({ units: 200 })]);
for (let n = 1; n <= Number(count); n++) {
  model.setWeights([new Float32Array(3200).fill(n), new Float32Array(200).fill(n)]);
  model.metadata = { n };
  await model.save(path);
  console.log(`saved ${n}`);
}
