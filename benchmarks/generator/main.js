'use strict';
// node main.js '{"scenario": "m1", "url": "http://127.0.0.1:5000", "pid": 1, "dbpid": 2, "seconds": 4, ...}'
// prints the measurement as one line of JSON. Several processes of one server have `urls`, and a list as `pid`.
// `state` is the path of what the scenario `prepare` printed.
const fs = require('node:fs');
const scenarios = require('./scenarios');

const options = JSON.parse(process.argv[2]);
const processes = (options.urls || [options.url]).map((url) => new URL(url));
options.target = Object.assign(new URL(options.url), { processes });
if (options.state) options.state = JSON.parse(fs.readFileSync(options.state));

scenarios[options.scenario](options).then((result) => {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}, (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
