// intro: the best top-5 error of ImageNet's contest from 2010 on (1.4 of its 14 million pictures; the course prints 16.4 and 5.1
// alone). A trained human errs in 5.1%; the winner of 2015 is the first below.
import { plot } from 'fovea';
import { above, chart, draw, note } from './drawing.js';

const YEARS = [2010, 2011, 2012, 2013, 2014, 2015, 2016, 2017];
const ERRORS = [28.2, 25.8, 16.4, 11.7, 6.7, 3.6, 3.0, 2.3];
const MAN = 5.1;

ERRORS.forEach((error, i) => {
  console.log(`${YEARS[i]}: ${error.toFixed(1)}%`);
});
console.log(`first below ${MAN}%: ${YEARS[ERRORS.findIndex((error) => error < MAN)]}`);
const fall = ERRORS.slice(1).map((error, i) => (ERRORS[i] as number) / error);
console.log(`largest step: ${YEARS[1 + fall.indexOf(Math.max(...fall))]}`);

const bars = plot.bars(ERRORS, { labels: YEARS.map(String), yLabel: 'top-5 error, %', width: 620, height: 260 });
const line = plot.curves(
  { winner: ERRORS, human: YEARS.map(() => MAN) },
  { series: ['winner', 'human'], x: YEARS, xLabel: 'year', yLabel: 'top-5 error, %', width: 620, height: 260 },
);
await draw(
  '75-ilsvrc',
  "ImageNet's contest",
  above([chart(bars), chart(line), note('the second line: 5.1%, a trained human')], 18),
);
