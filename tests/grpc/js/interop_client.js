// interop_client.js ADDRESS CASE...: gRPC's interoperability cases with @grpc/grpc-js, as interop_client.py has
// them: a line for each, "ok CASE" or "failed CASE: WHY"; ends with 1 if one has failed. load:N makes calls, each
// N times more if it is UNAVAILABLE, until SIGTERM.
'use strict';

const assert = require('assert');
const grpc = require('@grpc/grpc-js');
const {TestService, UnimplementedService} = require('./service');

const PATIENCE = 20000;  // milliseconds
let stopping = false;

const within = (ms) => ({deadline: Date.now() + ms});
const equal = (found, wanted) => assert.deepStrictEqual(found, wanted);

// What a unary call comes to: {answer, head, trailer}, or its error is thrown.
function unary(stub, method, request, metadata = new grpc.Metadata(), options = within(PATIENCE)) {
  return new Promise((resolve, reject) => {
    let head, answer, trailer;
    const call = stub[method](request, metadata, options, (error, found) => {
      if (error) return reject(error);
      answer = found;
    });
    call.on('metadata', (found) => { head = found; });
    call.on('status', (status) => {
      trailer = status.metadata;
      setImmediate(() => resolve({answer, head, trailer}));
    });
  });
}

async function failsWith(code, promise) {
  let error;
  try {
    await promise;
  } catch (thrown) {
    error = thrown;
  }
  if (!error) throw new Error(`no error instead of ${code}`);
  if (error.code !== code) throw new Error(`${error.message} instead of ${code}`);
  return error.details;
}

// A conversation: said by say() and end(), heard by next(), which gives null at the end.
class Turns {
  constructor(call) {
    this.call = call;
    this.answers = call[Symbol.asyncIterator]();
    call.on('metadata', (head) => { this.head = head; });
    call.on('status', (status) => { this.trailer = status.metadata; });
  }
  say(request) { this.call.write(request); }
  end() { this.call.end(); }
  async next() {
    const {done, value} = await this.answers.next();
    return done ? null : value;
  }
}

const turn = (size, sent) => ({response_sizes: size ? [size] : [], payload: Buffer.alloc(sent)});
const talk = (stub, metadata = new grpc.Metadata(), options = within(PATIENCE)) =>
    new Turns(stub.FullDuplexCall(metadata, options));

async function emptyUnary({test}) {
  equal((await unary(test, 'EmptyCall', {})).answer, {});
}

async function largeUnary({test}) {
  const {answer} = await unary(test, 'UnaryCall', {response_size: 314159, payload: Buffer.alloc(271828)});
  equal(answer.payload.length, 314159);
}

// `cancel`: before anything was said.
function streamIn(test, sizes, cancel = false) {
  return new Promise((resolve, reject) => {
    const call = test.StreamingInputCall(
        new grpc.Metadata(), within(PATIENCE), (error, answer) => (error ? reject(error) : resolve(answer)));
    for (const size of sizes) call.write({payload: Buffer.alloc(size)});
    if (cancel) call.cancel();
    else call.end();
  });
}

async function clientStreaming({test}) {
  equal((await streamIn(test, [27182, 8, 1828, 45904])).payload_size, 74922);
}

async function serverStreaming({test}) {
  const sizes = [31415, 9, 2653, 58979];
  const seen = [];
  for await (const answer of test.StreamingOutputCall({response_sizes: sizes}, within(PATIENCE))) {
    seen.push(answer.payload.length);
  }
  equal(seen, sizes);
}

async function pingPong({test}) {
  const turns = talk(test);
  for (const [size, sent] of [[31415, 27182], [9, 8], [2653, 1828], [58979, 45904]]) {
    turns.say(turn(size, sent));
    equal((await turns.next()).payload.length, size);
  }
  turns.end();
  equal(await turns.next(), null);
}

async function emptyStream({test}) {
  const turns = talk(test);
  turns.end();
  equal(await turns.next(), null);
}

async function cancelAfterBegin({test}) {
  await failsWith(grpc.status.CANCELLED, streamIn(test, [], true));
}

async function cancelAfterFirstResponse({test}) {
  const turns = talk(test);
  turns.say(turn(31415, 27182));
  equal((await turns.next()).payload.length, 31415);
  turns.call.cancel();
  await failsWith(grpc.status.CANCELLED, turns.next());
}

async function timeoutOnSleepingServer({test}) {
  const turns = talk(test, new grpc.Metadata(), within(50));
  turns.say(turn(0, 27182));
  await failsWith(grpc.status.DEADLINE_EXCEEDED, turns.next());
}

async function customMetadata({test}) {
  const metadata = new grpc.Metadata();
  metadata.set('x-grpc-test-echo-initial', 'test_initial_metadata_value');
  metadata.set('x-grpc-test-echo-trailing-bin', Buffer.from([0xab, 0xab, 0xab]));
  const verify = ({head, trailer}) => {
    equal(head.get('x-grpc-test-echo-initial'), ['test_initial_metadata_value']);
    equal([...trailer.get('x-grpc-test-echo-trailing-bin')[0]], [0xab, 0xab, 0xab]);
  };
  verify(await unary(test, 'UnaryCall', {response_size: 1}, metadata));
  const turns = talk(test, metadata);
  turns.say(turn(1, 0));
  await turns.next();
  turns.end();
  equal(await turns.next(), null);
  await new Promise(setImmediate);
  verify(turns);
}

const statusOf = (message) => async ({test}) => {
  const response_status = {code: 2, message};
  equal(await failsWith(grpc.status.UNKNOWN, unary(test, 'UnaryCall', {response_status})), message);
  const turns = talk(test);
  turns.say({response_status});
  turns.end();
  equal(await failsWith(grpc.status.UNKNOWN, turns.next()), message);
};

async function unimplementedMethod({test}) {
  await failsWith(grpc.status.UNIMPLEMENTED, unary(test, 'UnimplementedCall', {}));
}

async function serviceWithoutWorkers({other}) {
  equal(await failsWith(grpc.status.UNAVAILABLE, unary(other, 'UnimplementedCall', {})),
        'Service "nobody" has no live worker.');
}

// Null, or the error of a call, which is sent again so often when it is UNAVAILABLE.
async function callOften(test, repeats) {
  for (let left = repeats; ; --left) {
    const metadata = new grpc.Metadata({waitForReady: true});
    const error = await unary(test, 'UnaryCall', {payload: Buffer.alloc(100)}, metadata).then(() => null, (e) => e);
    if (error === null || left === 0 || error.code !== grpc.status.UNAVAILABLE) return error;
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

async function load({test}, repeats = '0') {
  let good = 0;
  const bad = [];
  while (!stopping) {
    const error = await callOften(test, Number(repeats));
    if (error !== null) {
      bad.push(error.message);
    } else if (++good % 100 === 0) {
      console.log(`calls good=${good}`);
    }
  }
  console.log(`load good=${good} bad=${bad.length}`);
  equal(bad.slice(0, 3), []);
}

const cases = {
  empty_unary: emptyUnary,
  large_unary: largeUnary,
  client_streaming: clientStreaming,
  server_streaming: serverStreaming,
  ping_pong: pingPong,
  empty_stream: emptyStream,
  cancel_after_begin: cancelAfterBegin,
  cancel_after_first_response: cancelAfterFirstResponse,
  custom_metadata: customMetadata,
  timeout_on_sleeping_server: timeoutOnSleepingServer,
  unimplemented_method: unimplementedMethod,
  status_code_and_message: statusOf('test status message'),
  special_status_message:
      statusOf('\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n'),
  service_without_workers: serviceWithoutWorkers,
  load,
};

async function main() {
  process.on('SIGTERM', () => { stopping = true; });
  const [address, ...names] = process.argv.slice(2);
  const options = address.includes(',') ? {'grpc.default_authority': 'interop.test'} : {};
  const stubs = {
    test: new TestService(address, grpc.credentials.createInsecure(), options),
    other: new UnimplementedService(address, grpc.credentials.createInsecure(), options),
  };
  let status = 0;
  for (const name of names) {
    const [word, ...argument] = name.split(':');
    try {
      await cases[word](stubs, ...argument);
      console.log(`ok ${name}`);
    } catch (error) {
      status = 1;
      console.log(`failed ${name}: ${error.message}`);
    }
  }
  stubs.test.close();
  stubs.other.close();
  process.exit(status);  // the library's timers of deadlines may still run
}

main();
