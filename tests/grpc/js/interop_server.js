// interop_server.js NAME [ADDRESS]: the test service with @grpc/grpc-js, and a health service of its own. SIGTERM
// ends it.
'use strict';

const grpc = require('@grpc/grpc-js');
const {TestService} = require('./service');

const [name, address = '127.0.0.1:0'] = process.argv.slice(2);
const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';

// The trailing metadata.
function echoMetadata(call) {
  const head = new grpc.Metadata();
  const trailer = new grpc.Metadata();
  for (const value of call.metadata.get(INITIAL)) head.add(INITIAL, value);
  for (const value of call.metadata.get(TRAILING)) trailer.add(TRAILING, value);
  call.sendMetadata(head);
  return trailer;
}

// The error that the request asks for; null: none.
function wantedStatus(request) {
  const status = request.response_status;
  return status && status.code ? {code: status.code, details: status.message} : null;
}

function streamingInputCall(call, done) {
  let bytes = 0;
  call.on('data', (request) => { bytes += request.payload.length; });
  call.on('end', () => done(null, {payload_size: bytes}));
}

async function respond(call, request) {
  for (const size of request.response_sizes) {
    if (request.interval_ms > 0) await new Promise((resume) => setTimeout(resume, request.interval_ms));
    if (call.cancelled) return;
    call.write({payload: Buffer.alloc(size), server: name});
  }
}

async function streamingOutputCall(call) {
  const trailer = echoMetadata(call);
  const error = wantedStatus(call.request);
  if (error) return call.emit('error', error);
  await respond(call, call.request);
  call.end(trailer);
}

function fullDuplexCall(call) {
  const trailer = echoMetadata(call);
  let before = Promise.resolve();
  let failed = false;
  call.on('data', (request) => {
    const error = wantedStatus(request);
    failed = failed || error !== null;
    before = before.then(() => (error ? call.emit('error', error) : respond(call, request)));
  });
  call.on('end', () => { before = before.then(() => { if (!failed) call.end(trailer); }); });
}

const health = {
  Check: {
    path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false,
    requestDeserialize: (bytes) => bytes, requestSerialize: (bytes) => bytes,
    responseDeserialize: (bytes) => bytes, responseSerialize: (bytes) => bytes,
  },
};
const SERVING = Buffer.from([8, 1]);  // HealthCheckResponse

const server = new grpc.Server();
// Without the method that no server has.
const {UnimplementedCall: _, ...service} = TestService.service;
server.addService(service, {
  EmptyCall: (call, done) => done(null, {}, echoMetadata(call)),
  UnaryCall: (call, done) => {
    const trailer = echoMetadata(call);
    const error = wantedStatus(call.request);
    if (error) return done(error);
    done(null, {payload: Buffer.alloc(call.request.response_size), server: name}, trailer);
  },
  StreamingInputCall: streamingInputCall,
  StreamingOutputCall: streamingOutputCall,
  FullDuplexCall: fullDuplexCall,
});
server.addService(health, {Check: (call, done) => done(null, SERVING)});
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) {
    console.error(error.message);
    process.exit(1);
  }
  console.log(`ready listen=127.0.0.1:${port}`);
});
process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)));
