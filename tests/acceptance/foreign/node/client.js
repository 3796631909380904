// A client that knows Pullback by its .proto files alone: client.js COMMAND ADDRESS INCLUDE_DIR...
// Each command makes one call and prints what came back as one line of JSON.
'use strict';

const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const [command, address, ...includeDirs] = process.argv.slice(2);
const DEADLINE_MS = 30_000;
const PROGRAM = 'y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1';

const definitions = protoLoader.loadSync(
  ['pullback/v1/gradient.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  { includeDirs, keepCase: true, enums: String, longs: Number, oneofs: true },
);
const { pullback } = grpc.loadPackageDefinition(definitions);
const client = new pullback.v1.GradientService(address, grpc.credentials.createInsecure());
const deadline = () => ({ deadline: Date.now() + DEADLINE_MS });

function float64(number) {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(number);
  return { dtype: 'DATA_TYPE_FLOAT64', shape: [], data };
}

function readFloat64(tensor) {
  if (tensor.dtype !== 'DATA_TYPE_FLOAT64' || (tensor.shape ?? []).length || tensor.data.length !== 8) {
    throw new Error(`not one float64: ${JSON.stringify(tensor)}`);
  }
  return tensor.data.readDoubleLE();
}

const evaluation = (program, x) => ({ program, inputs: { x: float64(x) } });
const numbers = (result) => ({ y: readFloat64(result.values.y), x: readFloat64(result.gradients.x) });

// Details are packed messages, named by the end of their type URL.
function unpack({ type_url, value }) {
  const name = type_url.split('/').pop();
  return { type: name, ...definitions[name].deserialize(value) };
}

function describe(status) {
  return { code: status.code, message: status.message, details: status.details.map(unpack) };
}

function evaluate(program) {
  return new Promise((resolve) => {
    client.Evaluate({ evaluation: evaluation(program, 2) }, deadline(), (error, response) => {
      if (!error) return resolve(numbers(response.result));
      const packed = error.metadata.get('grpc-status-details-bin')[0];
      const status = definitions['google.rpc.Status'].deserialize(packed);
      return resolve({ grpcCode: error.code, ...describe(status) });
    });
  });
}

// Two good evaluations in one message and a bad one in another: three outcomes, in any order.
function stream() {
  return new Promise((resolve, reject) => {
    const outcomes = {};
    const call = client.EvaluateStream(deadline());
    call.on('data', (response) => {
      for (const outcome of response.outcomes) {
        outcomes[outcome.request_id] = outcome.error ? describe(outcome.error) : numbers(outcome.result);
      }
    });
    call.on('error', reject);
    call.on('end', () => resolve(outcomes));
    const run = `node-${process.pid}-${Date.now()}`;
    const request = (name, program, x) => ({ request_id: `${run}:${name}`, evaluation: evaluation(program, x) });
    call.write({ requests: [request('two', PROGRAM, 2), request('three', PROGRAM, 3)] });
    call.write({ requests: [request('bad', 'y = x +', 2)] });
    call.end();
  });
}

const commands = { evaluate: () => evaluate(PROGRAM), refuse: () => evaluate('y = x +'), stream };
commands[command]()
  .then((found) => console.log(JSON.stringify(found)))
  .finally(() => client.close());
