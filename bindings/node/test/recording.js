// Drives a recording. Arguments: the recording, the folder models/sim.
'use strict';

const { drive } = require('./drive.js');

console.log(JSON.stringify(drive(process.argv[2], process.argv[3])));
