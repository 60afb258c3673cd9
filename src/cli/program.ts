// The commands and their options. What they do stands in commands/, one file each.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { FoveaError } from '../core/errors.js';
import { EXIT, Output } from './output.js';

/** Runs one command line and gives the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const isJson = argv.includes('--json');
  let code: number = EXIT.done;
  const run: Run = async (name, work) => {
    const output = new Output({ isJson, command: name });
    try {
      code = await work(output);
    } catch (error) {
      if (!(error instanceof FoveaError)) throw error;
      output.error(error);
      code = error.code === 'aborted' ? EXIT.interrupted : error.code === 'argument' ? EXIT.usage : EXIT.failed;
    }
  };
  const program = makeProgram(run, isJson);
  const [first] = argv.slice(2).filter((word) => word !== '--json');
  if (first === '-V' || first === '--version') {
    await run('version', async (output) => (await import('./commands/doctor.js')).version(output));
    return code;
  }
  if (first === undefined && !isJson) {
    program.outputHelp();
    return EXIT.done;
  }
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    // Commander has told people; machines hear it here.
    const message =
      first === undefined ? 'no command was given.' : error.message.replace(/^error: /, '').replace('\n', ' ');
    if (isJson) new Output({ isJson, command: first ?? 'fovea' }).error(new FoveaError({ code: 'argument', message }));
    return EXIT.usage;
  }
  return code;
}

/** The kinds that `convert` writes: those of interchange/save.ts, which is not loaded for a list of options. */
const SAVED_NAMES = ['keras', 'keras-h5', 'keras-weights', 'safetensors', 'onnx', 'tfjs-layers'];

type Run = (name: string, run: (output: Output) => Promise<number>) => Promise<void>;

function makeProgram(run: Run, isJson: boolean): Command {
  const program = new Command('fovea')
    .description('Deep computer vision: train, run and explain convolutional networks')
    .option('-V, --version', 'print the version and the engine that runs')
    .option('--json', 'machine-readable output, one JSON object a line')
    .configureOutput({ writeErr: (text) => void (isJson || process.stderr.write(text)) })
    .showHelpAfterError('(--help behind a command lists its options)')
    .helpCommand(true)
    .exitOverride();
  program
    .command('doctor')
    .description('say which engine runs, its instruction set and threads, and why not the others')
    .option('--json', 'machine-readable output')
    .action(() => run('doctor', async (output) => (await import('./commands/doctor.js')).doctor(output)));
  addTrain(program, run);
  addFinetune(program, run);
  program
    .command('evaluate')
    .description('loss and metrics of a saved model on a data set')
    .argument('<model>', 'a .keras file or the folder of a run')
    .option('--data <name|folder>', 'data set; default: the one it was trained on')
    .option('--part <part>', 'a split such as test or train[:10%]', 'test')
    .option('--batch <n>', 'batch size', count, 32)
    .option('--json', 'machine-readable output')
    .action((model: string, options) =>
      run('evaluate', async (output) => (await import('./commands/evaluate.js')).evaluate(model, options, output)),
    );
  addPredict(program, run);
  program
    .command('summary')
    .description("a model's layers, shapes and parameters")
    .argument('<model>', 'an architecture, a file of any kind that is read, a .ts or .js file, or the folder of a run')
    .option('--json', 'machine-readable output')
    .action((model: string) =>
      run('summary', async (output) => (await import('./commands/summary.js')).summary(model, output)),
    );
  program
    .command('convert')
    .description('a model from one kind of file to another, compared by what both predict')
    .argument('<in>', 'a file of any kind that is read, an architecture, or the folder of a run')
    .argument(
      '<out>',
      'where to; the ending says what is written: .keras, .h5, .onnx, .safetensors, a folder/ for tfjs',
    )
    .addOption(new Option('--to <kind>', 'what to write, where the ending does not say it').choices(SAVED_NAMES))
    .addOption(
      new Option('--quantize <dtype>', 'tfjs: pack the weights in fewer bits').choices(['uint8', 'uint16', 'float16']),
    )
    .addOption(
      new Option('--input-layout <layout>', 'ONNX: where the channels of pictures come in').choices([
        'channelsLast',
        'channelsFirst',
      ]),
    )
    .option('--input-shape <sizes>', 'height,width,channels, for a file that leaves them open (Caffe)', sizes)
    .option('--size <n>', 'side of the pictures to compare on, where the model leaves it open', count)
    .option('--tolerance <part>', 'what outputs may differ by, as a part of the largest', positiveNumber)
    .option('--json', 'machine-readable output')
    .action((from: string, to: string, options) =>
      run('convert', async (output) => (await import('./commands/convert.js')).convert(from, to, options, output)),
    );
  addExplain(program, run);
  program
    .command('bench')
    .description("time a model's convolutions by each algorithm on this machine")
    .argument('[model]', 'an architecture, a .keras file, a .ts or .js file, or the folder of a run', 'lecture-cnn')
    .option('--batch <n>', 'pictures at once', count, 32)
    .option('--size <n>', 'side of the pictures, where the model leaves it open', count)
    .option('--training', 'the gradients too')
    .option('--tune', 'keep what is faster: from then on it is chosen here')
    .option('--json', 'machine-readable output')
    .action((model: string, options) =>
      run('bench', async (output) => (await import('./commands/bench.js')).bench(model, options, output)),
    );
  return program;
}

function addPredict(program: Command, run: Run): void {
  program
    .command('predict')
    .description('label pictures')
    .argument('<pictures...>', 'picture files; without --model, the model before them')
    .option(
      '--model <name|file>',
      'a network of the zoo, a model file or the folder of a run; several times: all of them together',
      (each: string, all: readonly string[]) => [...all, each],
      [] as readonly string[],
    )
    .option('--top <n>', 'labels to give for each picture', count, 3)
    .addOption(
      new Option('--crops <n>', 'crops of each picture: the middle, the corners too, and mirrored')
        .argParser((text) => oneOf(text, [1, 5, 10]))
        .default(1),
    )
    .addOption(new Option('--combine <how>', 'of several models').choices(['mean', 'vote']).default('mean'))
    .option('--batch <n>', 'pictures at a time', count, 32)
    .option('--weights <file>', 'weights for a network by name (default: the published ones)')
    .option('--alpha <factor>', 'width of a MobileNet', positiveNumber)
    .option('--labels <file>', "a name a line, where the model has none; 'imagenet'")
    .addOption(
      new Option('--preprocess <mode>', 'how pixels are scaled, where the model does not say').choices([
        'none',
        'tf',
        'torch',
        'caffe',
      ]),
    )
    .option('--size <n>', 'side of the pictures, where the model leaves it open', count)
    .option('--json', 'machine-readable output')
    .action((pictures: string[], options) =>
      run('predict', async (output) => (await import('./commands/predict.js')).predict(pictures, options, output)),
    );
}

function addExplain(program: Command, run: Run): void {
  program
    .command('explain')
    .description('show what a network learned and why it decides as it does')
    .argument('[pictures...]', 'PNG or JPEG files; filters and maximize need none')
    .requiredOption('--model <name|file>', 'a model file, the folder of a run, or a network of the zoo')
    .option(
      '--method <name>',
      'gradCam, gradCamPlusPlus, classActivationMap, guidedGradCam, guidedBackpropagation, saliency, smoothGrad, ' +
        'integratedGradients, occlusion, activations, activationSheet, deepDream, nearestPictures, filters, maximize',
      'gradCam',
    )
    .option('--layer <name>', 'a layer by its name; one that there is not shows the choice')
    .option('--class <n|name>', 'the class to explain; default: the most likely one')
    .option('--channel <n...>', 'channels of the layer, for maximize', channels)
    .option('--data <name|folder>', 'where nearestPictures looks')
    .option('--steps <n>', 'of integratedGradients, maximize and deepDream', count)
    .option('--weights <file>', 'weights for a network by name (default: the published ones)')
    .option('--alpha <factor>', 'width of a MobileNet', positiveNumber)
    .addOption(
      new Option('--preprocess <mode>', 'how pixels are scaled, where the model does not say').choices([
        'none',
        'tf',
        'torch',
        'caffe',
      ]),
    )
    .option('--size <n>', 'side of the pictures, where the model leaves it open', count)
    .option('--out <folder>', 'where the pictures go', 'explained')
    .option('--json', 'machine-readable output')
    .action((pictures: string[], options) =>
      run('explain', async (output) =>
        (await import('./commands/explain.js')).explainCommand(pictures, options, output),
      ),
    );
}

function addTrain(program: Command, run: Run): void {
  program
    .command('train')
    .description('train a classifier; without options: the first network on generated pictures')
    .option(
      '--data <name|folder>',
      'strokes, fashion-mnist, mnist, cifar10, or a folder with a folder of pictures per class',
      'strokes',
    )
    .option('--model <name|file>', "architecture, or a .ts or .js file that exports one (default: 'lecture-cnn')")
    .option('--epochs <n>', 'passes over the data', count, 3)
    .option('--batch <n>', 'batch size', count, 32)
    .option('--optimizer <name>', 'sgd, rmsprop, adam, nadam, ...', 'nadam')
    .option('--learning-rate <rate>', "step size; default: the optimizer's", positiveNumber)
    .option('--validation <fraction>', 'the last part of the training data, to validate on', fraction, 0.1)
    .option('--limit <n>', 'use only the first pictures', count)
    .option('--size <n>', 'side of the pictures of a folder', count, 64)
    .option('--seed <n>', 'the same seed gives the same run', wholeNumber, 1)
    .option('--out <folder>', 'where the run goes (default: runs/<data>-<model>-<time>)')
    .option('--overwrite', 'let the run replace one that is in its folder')
    .option('--resume <folder>', 'continue an interrupted run; only --epochs may go with it')
    .addOption(new Option('--preprocess <kind>', 'how pictures are scaled').choices(['standardize', 'scale', 'none']))
    .option('--json', 'machine-readable output')
    .action((options, command: Command) =>
      run('train', async (output) => {
        const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === 'cli');
        return (await import('./commands/train.js')).train(options, given, output);
      }),
    );
}

function addFinetune(program: Command, run: Run): void {
  program
    .command('finetune')
    .description('teach a network that knows other pictures to tell those of a folder apart')
    .argument('[folder]', 'a folder with a folder of pictures per class')
    .option('--base <name|file>', 'a network of the zoo, or the file of a model')
    .option('--weights <imagenet|file>', "weights of a network of the zoo (default: 'imagenet')")
    .option('--alpha <number>', 'width of a MobileNet', positiveNumber)
    .option('--size <n>', 'side of the pictures (default: what the base was made for)', count)
    .addOption(
      new Option('--preprocess <kind>', 'what the base wants of pixels, where it does not say').choices([
        'tf',
        'torch',
        'caffe',
        'unit',
        'none',
      ]),
    )
    .option('--cut-at <layer>', 'the layer whose output are the features (default: the last map)')
    .addOption(
      new Option('--scenario <name>', 'which way of transfer; auto goes by the number of pictures')
        .choices(['auto', 'small-similar', 'small-different', 'large-similar', 'large-different'])
        .default('auto'),
    )
    .option('--unfreeze-from <layer|n>', 'the first layer of the base that adapts, by name or number')
    .option('--head-epochs <n>', 'epochs of the new classifier on frozen features', wholeNumber)
    .option('--epochs <n>', 'epochs with the base unfrozen', wholeNumber)
    .option('--head-rate <rate>', 'learning rate of the classifier alone', positiveNumber)
    .option('--rate <rate>', 'learning rate of the classifier while the base adapts', positiveNumber)
    .option('--base-rate <rate>', 'learning rate of the base', positiveNumber)
    .option('--batch <n>', 'batch size', count, 32)
    .option('--optimizer <name>', 'sgd, rmsprop, adam, nadam, ...', 'adam')
    .option('--dropout <fraction>', 'share of features dropped before the classifier', fraction, 0.2)
    .addOption(
      new Option('--class-weight <kind>', 'balanced lets each class count alike')
        .choices(['balanced', 'none'])
        .default('none'),
    )
    .option('--no-augment', 'leave out mirror images, shifts and zooms')
    .option('--patience <n>', 'epochs without a better validation loss before a stage ends', wholeNumber, 5)
    .option('--test <fraction>', 'share of the pictures to test on', fraction, 0.1)
    .option('--validation <fraction>', 'share of the pictures to validate on', fraction, 0.15)
    .option('--seed <n>', 'the same seed gives the same run', wholeNumber, 1)
    .option('--out <folder>', 'where the run goes (default: runs/<folder>-<base>-<time>)')
    .option('--overwrite', 'let the run replace one that is in its folder')
    .option('--resume <folder>', 'continue an interrupted run, with its own options')
    .option('--json', 'machine-readable output')
    .action((folder: string | undefined, options, command: Command) =>
      run('finetune', async (output) => {
        const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === 'cli');
        return (await import('./commands/finetune.js')).finetuneFolder(folder, options, given, output);
      }),
    );
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number of at least 1.');
  return value;
}

function oneOf(text: string, values: readonly number[]): number {
  if (!values.includes(Number(text))) throw new InvalidArgumentError(`Give ${values.join(' or ')}.`);
  return Number(text);
}

function sizes(text: string): number[] {
  return text.split(',').map(count);
}

function channels(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, wholeNumber(text)];
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Give a whole number.');
  return value;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Give a number above 0.');
  return value;
}

function fraction(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value < 1)) throw new InvalidArgumentError('Give a number from 0 to below 1.');
  return value;
}
