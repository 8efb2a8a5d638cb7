'use strict';
// What a measurement costs: processor time of server, database and generator, and what the host took away.
const fs = require('node:fs');
const { performance } = require('node:perf_hooks');

const TICKS_PER_SECOND = 100;
const now = () => performance.now();
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const round = (value, digits = 2) => (value === null ? null : Number(value.toFixed(digits)));

function processorSeconds(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

// Of one process, or of several together.
function memoryKiB(pids) {
  return [].concat(pids).reduce((sum, pid) => sum + memoryOf(pid), 0);
}

function memoryOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]);
}

function machineTicks() {
  const ticks = fs.readFileSync('/proc/stat', 'latin1').split('\n', 1)[0].trim().split(/\s+/).slice(1, 9).map(Number);
  return { all: ticks.reduce((sum, value) => sum + value, 0), stolen: ticks[7] };
}

class Meter {
  constructor({ pid, dbpid }) {
    this.pids = { server: pid, database: dbpid };
    this.before = this.look();
  }

  look() {
    const own = process.cpuUsage();
    return {
      at: now(),
      server: [].concat(this.pids.server).reduce((sum, pid) => sum + processorSeconds(pid), 0),
      database: this.pids.database ? processorSeconds(this.pids.database) : 0,
      generator: (own.user + own.system) / 1e6,
      machine: machineTicks(),
    };
  }

  // The rate of `operations` since the meter was made, with its cost in percent of one core.
  read(operations) {
    const [a, b] = [this.before, this.look()];
    const seconds = (b.at - a.at) / 1000;
    const share = (name) => Math.round((b[name] - a[name]) / seconds * 100);
    const server = b.server - a.server;
    const both = server + b.database - a.database;
    return {
      rate: round(operations / seconds, 1),
      perCpuSecond: server > 0 ? Math.round(operations / server) : null,
      perCpuSecondOfBoth: both > 0 ? Math.round(operations / both) : null, // with the database's
      cpu: { server: share('server'), database: share('database'), generator: share('generator') },
      stolen: round((b.machine.stolen - a.machine.stolen) / Math.max(1, b.machine.all - a.machine.all) * 100, 1),
    };
  }
}

function latency(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (share) => (sorted.length ? round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))])
    : null);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

// Waits until no client is told anything any more.
async function settle(clients) {
  const told = () => clients.reduce((sum, client) => sum + client.packets, 0);
  let before;
  do {
    before = told();
    await sleep(400);
  } while (told() !== before);
}

async function inParallel(count, atOnce, work) {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) await work(next++);
  }));
}

module.exports = { Meter, inParallel, latency, memoryKiB, now, round, settle, sleep };
