// The test service as @grpc/proto-loader reads it from interop.proto.
'use strict';

const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const definition = loader.loadSync(path.join(__dirname, '..', 'interop.proto'), {keepCase: true, defaults: true});

module.exports = grpc.loadPackageDefinition(definition).tandem.interop;
