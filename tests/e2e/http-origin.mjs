// A web server beside a connector, for tests: says what it was asked, answers in every framing there is, and misbehaves on request.
//   node http-origin.mjs PORT    prints "ready"; requests are counted at /count
import { createServer as tcp } from 'node:net';
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';

const port = Number(process.argv[2]);
let count = 0;
const open = new Set();
const pattern = (n, at) => { // byte i is i * 31 mod 251
	const b = Buffer.alloc(n);
	for (let i = 0; i < n; i++) b[i] = ((at + i) * 31) % 251;
	return b;
};

function big(res, total) {
	let at = 0;
	const go = () => {
		while (at < total) {
			const n = Math.min(65536, total - at);
			const ok = res.write(pattern(n, at));
			at += n;
			if (!ok) return res.once('drain', go);
		}
		res.end();
	};
	go();
}

const routes = {
	'/echo': (q, s) => {
		const hash = createHash('sha256');
		let n = 0;
		q.on('data', (d) => { hash.update(d); n += d.length; });
		q.on('end', () => {
			const body = JSON.stringify({ method: q.method, url: q.url, headers: q.headers, raw: q.rawHeaders, bytes: n, sha256: hash.digest('hex') });
			s.writeHead(200, { 'content-type': 'application/json', 'set-cookie': ['a=1', 'CF_Authorization=forced; Domain=localhost; Path=/', 'b=2', ' CF_Session =forced', 'CF_Binding=x'] });
			s.end(q.method === 'HEAD' ? undefined : body);
		});
	},
	'/id': (q, s, u) => { // late and out of order, so that mixed-up answers would show
		const id = u.searchParams.get('id') + ' ' + (q.headers['cf-access-authenticated-user-email'] ?? '');
		setTimeout(() => s.end(id + '\n'), Math.random() * 20);
	},
	'/big': (q, s, u) => {
		const n = Number(u.searchParams.get('n'));
		if (u.searchParams.has('length')) s.setHeader('content-length', n);
		big(s, n);
	},
	'/status': (q, s, u) => { s.statusCode = Number(u.searchParams.get('s')); s.end(u.searchParams.get('body') ?? ''); },
	'/early': (q, s) => { s.statusCode = 413; s.end('too much\n'); },
	'/hop': (q, s) => {
		s.setHeader('connection', 'close, x-hop');
		s.setHeader('x-hop', 'secret');
		s.setHeader('keep-alive', 'timeout=99');
		s.setHeader('proxy-authenticate', 'Basic');
		s.setHeader('x-stays', 'yes');
		s.end('hop\n');
	},
	'/interim': (q, s) => { s.writeContinue(); s.writeEarlyHints?.({ link: '</style.css>; rel=preload' }); s.end('after\n'); },
	'/trailer': (q, s) => { s.writeHead(200, { trailer: 'x-sum' }); s.write('body\n'); s.addTrailers({ 'x-sum': '1' }); s.end(); },
	'/events': (q, s) => { // one a tenth of a second, for ever
		s.writeHead(200, { 'content-type': 'text/event-stream' });
		open.add(s);
		let n = 0;
		const t = setInterval(() => s.write(`data: ${n++}\n\n`), 100);
		s.on('close', () => { clearInterval(t); open.delete(s); });
	},
	'/cut': (q, s) => { s.writeHead(200, { 'content-length': 1000 }); s.write('half'); setTimeout(() => s.destroy(), 50); },
	'/cut-chunked': (q, s) => { s.write('half'); setTimeout(() => s.destroy(), 50); },
	'/open': (q, s) => s.end(`${open.size}\n`),
	'/count': (q, s) => s.end(`${count}\n`),
};

createServer((q, s) => {
	const u = new URL(q.url, 'http://x');
	if (u.pathname !== '/count' && u.pathname !== '/open') count++;
	(routes[u.pathname] ?? ((_, r) => { r.statusCode = 404; r.end('none\n'); }))(q, s, u);
}).on('upgrade', (q, sock, head) => {
	count++;
	if (q.url === '/refuse') return sock.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
	const accept = createHash('sha1').update(q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
	const protocol = q.headers['sec-websocket-protocol'];
	sock.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
		(protocol ? `Sec-WebSocket-Protocol: ${protocol.split(',')[0].trim()}\r\n` : '') + '\r\n');
	// An unmasked text frame with what the head said, then the client's own bytes back, unmasked frame by frame.
	const text = Buffer.from(JSON.stringify({ url: q.url, headers: q.headers }));
	const frame = (op, p) => Buffer.concat([Buffer.from(p.length < 126 ? [0x80 | op, p.length] : [0x80 | op, 126, p.length >> 8, p.length & 255]), p]);
	sock.write(frame(1, text));
	let buf = head;
	open.add(sock);
	sock.on('close', () => open.delete(sock));
	sock.on('error', () => {});
	const eat = () => {
		for (;;) {
			if (buf.length < 6) return;
			let n = buf[1] & 127, at = 2;
			if (n === 126) { n = buf.readUInt16BE(2); at = 4; }
			if (buf.length < at + 4 + n) return;
			const p = Buffer.from(buf.subarray(at + 4, at + 4 + n));
			for (let i = 0; i < n; i++) p[i] ^= buf[at + (i & 3)];
			const op = buf[0] & 15;
			buf = buf.subarray(at + 4 + n);
			sock.write(frame(op, p));
			if (op === 8) return sock.end();
		}
	};
	sock.on('data', (d) => { buf = Buffer.concat([buf, d]); eat(); });
	eat();
}).listen(port, '127.0.0.1', () => console.log('ready'));

// One port on: a server that speaks broken HTTP; the path says how.
const broken = {
	'/cl-te': 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
	'/cl-twice': 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
	'/cl-bad': 'HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc',
	'/te-odd': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nabc',
	'/fold': 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n',
	'/bare-lf': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
	'/space-name': 'HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n',
	'/nul': 'HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n',
	'/no-http': 'SSH-2.0-OpenSSH_9.2\r\n',
	'/status-7': 'HTTP/1.1 7 What\r\nContent-Length: 0\r\n\r\n',
	'/status-999': 'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n',
	'/switch': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw',
	'/huge': 'HTTP/1.1 200 OK\r\nX-A: ' + 'a'.repeat(70000) + '\r\nContent-Length: 0\r\n\r\n',
	'/many': 'HTTP/1.1 200 OK\r\n' + 'X-A: b\r\n'.repeat(500) + 'Content-Length: 0\r\n\r\n',
	'/nothing': '',
	'/chunk-size': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n',
	'/extra': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged',
	'/eof': 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
};
tcp((sock) => {
	sock.on('error', () => {});
	sock.once('data', (d) => sock.end(broken[String(d).split(' ')[1]] ?? 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'));
}).listen(port + 1, '127.0.0.1');
