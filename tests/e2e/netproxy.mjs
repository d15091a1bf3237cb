// A TCP relay that is a long line: every byte arrives DELAY (and at most JITTER more) milliseconds after it was sent, in order.
//   node netproxy.mjs LISTEN-IP PORT TO-PORT DELAY [JITTER] [BYTES/S]      to 127.0.0.1:TO-PORT; prints "ready"
// BYTES/S makes a slow reader of it, each way. A half-close passes on like a byte; a reset is passed on at once. What is under way is
// bounded: the source is not read while more than LINE bytes are.
import net from 'node:net';

const [ip, port, to, delayMs, jitterMs = '0', speed = '0'] = process.argv.slice(2);
const LINE = 8 << 20;

function line(from, into) {
  const queue = []; // {at, chunk}; chunk null = end
  let held = 0, timer = null, last = 0;
  const due = () => {
    timer = null;
    while (queue.length && queue[0].at <= performance.now()) {
      const { chunk } = queue.shift();
      if (!chunk) {
        into.end();
        continue;
      }
      held -= chunk.length;
      if (!into.destroyed && !into.write(chunk)) {
        into.once('drain', due);
        return;
      }
    }
    if (held < LINE && from.isPaused()) from.resume();
    if (queue.length) timer = setTimeout(due, Math.max(1, queue[0].at - performance.now()));
  };
  const put = (chunk) => {
    const now = performance.now(), size = chunk ? chunk.length : 0;
    const spread = +speed ? Math.max(0, last - now - +delayMs) + (size * 1000) / +speed : 0;
    last = Math.max(last, now + +delayMs + Math.random() * +jitterMs + spread);
    queue.push({ at: last, chunk });
    held += size;
    if (held >= LINE) from.pause();
    if (!timer) timer = setTimeout(due, Math.max(1, queue[0].at - now));
  };
  from.on('data', put);
  from.on('end', () => put(null));
  from.on('error', () => into.resetAndDestroy());
  from.on('close', () => { if (from.errored) clearTimeout(timer); });
}

net.createServer({ allowHalfOpen: true, noDelay: true }, (a) => {
  const b = net.connect({ host: '127.0.0.1', port: +to, allowHalfOpen: true, noDelay: true });
  line(a, b);
  line(b, a);
}).listen(+port, ip, () => console.log('ready'));
