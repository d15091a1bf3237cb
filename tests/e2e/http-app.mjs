// The checks of http-app.sh that need more than curl: raw requests over TLS, in parallel and pipelined.
import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';

const { CA_FILE, EMAIL, HOST, JAR } = process.env;
const url = new URL(process.env.APP_URL);
const cookie = readFileSync(JAR, 'utf8').split('\n').map((l) => l.replace(/^#HttpOnly_/, '').split('\t'))
	.filter((f) => f[5] === 'CF_Authorization' && f[0].includes(HOST)).map((f) => `${f[5]}=${f[6]}`).pop();
assert.ok(cookie, 'no application cookie');

const dial = () => connect({ host: '127.0.0.1', port: url.port, servername: HOST, ca: readFileSync(CA_FILE), ALPNProtocols: ['http/1.1'] });
const pattern = (n, at = 0) => { const b = Buffer.alloc(n); for (let i = 0; i < n; i++) b[i] = ((at + i) * 31) % 251; return b; };

// A client that parses just enough: answers one after another.
class Client {
	constructor() {
		this.s = dial();
		this.buf = Buffer.alloc(0);
		this.ended = false;
		this.wake = () => {};
		this.s.on('data', (d) => { this.buf = Buffer.concat([this.buf, d]); this.wake(); });
		this.s.on('close', () => { this.ended = true; this.wake(); });
		this.s.on('error', () => {});
	}
	async more() {
		if (this.ended) throw new Error('closed; heard ' + this.buf.subarray(0, 300));
		await new Promise((r, j) => { const t = setTimeout(() => j(new Error('silence; heard ' + this.buf.subarray(0, 300))), 20000); this.wake = () => { clearTimeout(t); r(); }; });
	}
	say(text) { this.s.write(text); return this; }
	async take(n) { while (this.buf.length < n) await this.more(); const r = this.buf.subarray(0, n); this.buf = this.buf.subarray(n); return r; }
	async line() { let i; while ((i = this.buf.indexOf('\r\n')) < 0) await this.more(); const r = String(this.buf.subarray(0, i)); this.buf = this.buf.subarray(i + 2); return r; }
	async head() {
		const status = await this.line(), h = {};
		for (let l; (l = await this.line());) { const i = l.indexOf(':'); const k = l.slice(0, i); h[k] = k in h ? h[k] + '\n' + l.slice(i + 2) : l.slice(i + 2); }
		return { status: Number(status.split(' ')[1]), h };
	}
	async answer(bodyless) {
		const r = await this.head();
		if (bodyless || r.status === 204 || r.status === 304) return { ...r, body: Buffer.alloc(0) };
		if (r.h['transfer-encoding'] === 'chunked') {
			const parts = [];
			for (;;) {
				const n = parseInt(await this.line(), 16);
				parts.push(Buffer.from(await this.take(n)));
				assert.equal(await this.line(), '');
				if (!n) return { ...r, body: Buffer.concat(parts) };
			}
		}
		if ('content-length' in r.h) return { ...r, body: Buffer.from(await this.take(Number(r.h['content-length']))) };
		while (!this.ended) await this.more().catch(() => {});
		return { ...r, body: this.buf };
	}
	end() { this.s.destroy(); }
}
const head = (method, path, more = '') => `${method} ${path} HTTP/1.1\r\nHost: ${url.host}\r\nCookie: ${cookie}\r\n${more}\r\n`;
async function ask(method, path, more, body) {
	const c = new Client();
	c.say(head(method, path, more));
	if (body) c.say(body);
	const r = await c.answer(method === 'HEAD');
	c.end();
	return r;
}
const json = (r) => JSON.parse(String(r.body));
const tests = {
	async 'who it is, and no lies'() {
		const lies = ['Cf-Access-Jwt-Assertion: x', 'cf_access_jwt_assertion: x', 'CF-Access-Authenticated-User-Email: root@x', 'Cf_Access_Authenticated_User_Email: root@x',
			'Cf.Access.Authenticated.User.Email: root@x', 'CF-Connecting-IP: 9.9.9.9', 'X-Forwarded-For: 9.9.9.9', 'x_forwarded_for: 9.9.9.9', 'X-Forwarded-Proto: gopher', 'X-Forwarded-Host: evil', 'Forwarded: for=9.9.9.9',
			'X-Real-IP: 9.9.9.9', 'True-Client-IP: 9.9.9.9', 'X-Original-URL: /admin', 'Cf-Ray: 1', 'cf-cloudflared-proxy-src: 1', 'Cf-Access-Jump-Destination: x:1',
			'Cookie: CF_Binding=secret; kept=1; CF_AppSession=secret', 'X-Kept: yes', 'X-Hop: no', 'Connection: keep-alive, x-hop', 'Proxy-Authorization: secret', 'TE: trailers', 'Keep-Alive: 5'];
		const got = json(await ask('GET', '/echo', lies.map((l) => l + '\r\n').join('')));
		assert.equal(got.headers['cf-access-authenticated-user-email'], EMAIL);
		assert.equal(got.headers['cf-access-jwt-assertion'], cookie.split('=')[1]);
		assert.equal(got.headers['cf-connecting-ip'], '127.0.0.1');
		assert.equal(got.headers['x-forwarded-for'], '127.0.0.1');
		assert.equal(got.headers['x-forwarded-proto'], 'https');
		assert.match(got.headers['cf-ray'], /^[0-9a-f]{16}$/);
		assert.equal(got.headers.host, url.host);
		assert.equal(got.headers['x-kept'], 'yes');
		assert.equal(got.headers.cookie, `${cookie}; kept=1`);
		const raw = JSON.stringify(got.raw).toLowerCase();
		for (const lie of ['9.9.9.9', 'root@x', 'gopher', 'evil', '/admin', 'secret', 'cf_', 'x_forw', 'cf.', 'x-hop', 'proxy-auth', 'cf-cloudflared', 'jump', '"te"', 'keep-alive'])
			assert.ok(!raw.replaceAll(cookie.toLowerCase(), '').includes(lie), `${lie} reached the service: ${raw}`);
	},
	async 'methods and bodiless answers'() {
		for (const m of ['GET', 'DELETE', 'OPTIONS', 'PATCH', 'PUT', 'POST', 'PROPFIND']) assert.equal(json(await ask(m, '/echo', 'Content-Length: 0\r\n')).method, m);
		const c = new Client();
		for (const [m, p, s] of [['HEAD', '/echo', 200], ['GET', '/status?s=204', 204], ['GET', '/status?s=304', 304], ['GET', '/status?s=500&body=no', 500], ['HEAD', '/big?n=1000&length', 200], ['GET', '/echo', 200]]) {
			const r = await c.say(head(m, p)).answer(m === 'HEAD');
			assert.equal(r.status, s, p);
			if (p === '/big?n=1000&length') assert.equal(r.h['content-length'], '1000');
			if (s === 304 || s === 204) assert.ok(!('content-length' in r.h) && !('transfer-encoding' in r.h));
		}
		c.end();
		const r = await ask('GET', '/echo');
		assert.equal(r.h['set-cookie'], 'a=1\nb=2');
	},
	async 'upload with a length, in chunks, with 100-continue'() {
		const body = pattern(3_000_000), sum = createHash('sha256').update(body).digest('hex');
		let got = json(await ask('POST', '/echo', `Content-Length: ${body.length}\r\n`, body));
		assert.equal(got.sha256, sum);
		assert.equal(got.headers['content-length'], String(body.length));
		const c = new Client().say(head('POST', '/echo', 'Transfer-Encoding: chunked\r\n'));
		for (let at = 0, n = 1; at < body.length; at += n, n = Math.min(n * 3, 100_000, body.length - at || 1)) c.say(`${n.toString(16)};ext=1\r\n`).say(body.subarray(at, at + n)).say('\r\n');
		got = json(await c.say('0\r\n\r\n').answer());
		assert.equal(got.sha256, sum);
		assert.equal(got.headers['transfer-encoding'], 'chunked');
		const d = new Client().say(head('POST', '/echo', `Content-Length: 5\r\nExpect: 100-continue\r\n`));
		assert.equal((await d.head()).status, 100);
		got = json(await d.say('hello').answer());
		assert.equal(got.bytes, 5);
		assert.ok(!('expect' in got.headers));
		got = json(await d.say(head('GET', '/echo')).answer()); // the same connection
		assert.equal(got.bytes, 0);
		c.end(), d.end();
	},
	async 'download of 50 MB, slowly at first'() {
		for (const q of ['', '&length']) {
			const c = new Client().say(head('GET', `/big?n=50000000${q}`));
			const r = await c.head();
			c.s.pause();
			await new Promise((f) => setTimeout(f, 300));
			c.s.resume();
			const hash = createHash('sha256');
			let n = 0;
			if (q) assert.equal(r.h['content-length'], '50000000');
			else assert.equal(r.h['transfer-encoding'], 'chunked');
			while (n < 50_000_000) {
				const size = q ? Math.min(65536, 50_000_000 - n) : parseInt(await c.line(), 16);
				hash.update(await c.take(size));
				n += size;
				if (!q) await c.line();
			}
			const want = createHash('sha256');
			for (let at = 0; at < 50_000_000; at += 65536) want.update(pattern(Math.min(65536, 50_000_000 - at), at));
			assert.equal(hash.digest('hex'), want.digest('hex'));
			c.end();
		}
	},
	async 'answers never change places'() {
		// 12 connections, each with 20 requests in one write; every second one is dropped in the middle of its answers.
		await Promise.all(Array.from({ length: 12 }, async (_, k) => {
			const c = new Client();
			c.say(Array.from({ length: 20 }, (_, i) => head('GET', `/id?id=${k}-${i}`)).join(''));
			for (let i = 0; i < (k % 2 ? 20 : 5); i++) assert.equal(String((await c.answer()).body), `${k}-${i} ${EMAIL}\n`);
			c.end();
		}));
	},
	async 'an early answer ends the connection, not the answer'() {
		const c = new Client().say(head('POST', '/early', 'Content-Length: 100000000\r\n')).say(pattern(100_000));
		const r = await c.answer();
		assert.equal(r.status, 413);
		assert.equal(String(r.body), 'too much\n');
		assert.equal(r.h.connection, 'close');
		// what follows of the body is no request
		c.say(head('GET', '/echo'));
		while (!c.ended) await c.more().catch(() => {});
		assert.equal(c.buf.length, 0);
	},
	async 'headers of one hop, interim answers and trailers stop here'() {
		let r = await ask('GET', '/hop');
		assert.equal(String(r.body), 'hop\n');
		assert.equal(r.h['x-stays'], 'yes');
		for (const k of ['x-hop', 'proxy-authenticate']) assert.ok(!(k in r.h), k);
		assert.equal(r.h.connection, 'keep-alive');
		assert.equal(String((await ask('GET', '/interim')).body), 'after\n');
		const c = new Client().say(head('GET', '/trailer')).say(head('GET', '/id?id=next'));
		assert.equal(String((await c.answer()).body), 'body\n');
		assert.match(String((await c.answer()).body), /^next /);
		c.end();
	},
	async 'HTTP/1.0'() {
		const c = new Client().say(`GET /big?n=100000 HTTP/1.0\r\nHost: ${url.host}\r\nCookie: ${cookie}\r\n\r\n`);
		const r = await c.answer();
		assert.equal(r.h.connection, 'close');
		assert.deepEqual(r.body, pattern(100000));
	},
	async 'an answer that breaks off does not look whole'() {
		for (const p of ['/cut', '/cut-chunked']) {
			const c = new Client().say(head('GET', p));
			await assert.rejects(c.answer(), /closed/, p);
		}
	},
	async 'WebSocket'() {
		const key = Buffer.from('the sample nonce').toString('base64');
		const up = (path, more = '', who = `Cookie: ${cookie}\r\nOrigin: ${url.origin}\r\n`) => `GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\n${who}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${more}\r\n`;
		const c = new Client().say(up('/socket', 'Sec-WebSocket-Protocol: chat, other\r\nCF_Connecting_IP: 9.9.9.9\r\nCf-Access-Authenticated-User-Email: root@x\r\n'));
		const r = await c.head();
		assert.equal(r.status, 101);
		assert.equal(r.h['sec-websocket-protocol'], 'chat');
		const frame = async () => { const h = await c.take(2); let n = h[1] & 127; if (n === 126) n = (await c.take(2)).readUInt16BE(0); return [h[0] & 15, Buffer.from(await c.take(n))]; };
		const seen = JSON.parse(String((await frame())[1]));
		assert.equal(seen.headers['cf-access-authenticated-user-email'], EMAIL);
		assert.equal(seen.headers['cf-connecting-ip'], '127.0.0.1');
		assert.ok(!JSON.stringify(seen).includes('9.9.9.9') && !JSON.stringify(seen).includes('root@x'));
		assert.equal(seen.headers['upgrade'], 'websocket');
		const put = (op, p) => c.say(Buffer.concat([Buffer.from(p.length < 126 ? [0x80 | op, 0x80 | p.length, 0, 0, 0, 0] : [0x80 | op, 0xfe, p.length >> 8, p.length & 255, 0, 0, 0, 0]), p]));
		for (const n of [0, 5, 125, 126, 60000]) { put(2, pattern(n)); const [op, p] = await frame(); assert.equal(op, 2); assert.deepEqual(p, pattern(n)); }
		put(8, Buffer.from([3, 232]));
		assert.equal((await frame())[0], 8);
		while (!c.ended) await c.more().catch(() => {});
		assert.equal((await new Client().say(up('/refuse')).head()).status, 403);
		assert.equal((await new Client().say(up('/socket', '', `Cookie: ${cookie}\r\nOrigin: https://evil.test\r\n`)).head()).status, 403);
		assert.equal((await new Client().say(up('/socket', '', '')).head()).status, 302);
	},
	async 'smuggling'() {
		const bad = [
			['CL and TE', 'POST', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nGET /id?id=smuggled HTTP/1.1\r\n\r\n'],
			['two lengths', 'POST', 'Content-Length: 4\r\nContent-Length: 5\r\n', 'abcde'],
			['length list', 'POST', 'Content-Length: 4, 4\r\n', 'abcd'],
			['length +', 'POST', 'Content-Length: +4\r\n', 'abcd'],
			['length empty', 'POST', 'Content-Length:\r\n', 'abcd'],
			['TE twice', 'POST', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
			['TE odd', 'POST', 'Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'],
			['TE tab', 'POST', 'Transfer-Encoding:\tchunked, identity\r\n', '0\r\n\r\n'],
			['TE space', 'POST', 'Transfer-Encoding : chunked\r\n', '0\r\n\r\n'],
			['fold', 'GET', 'X-A: b\r\n c\r\n', ''],
			['bare LF', 'GET', 'X-A: b\nX-B: c\r\n', ''],
			['bare CR', 'GET', 'X-A: b\rX-B: c\r\n', ''],
			['NUL', 'GET', 'X-A: b\0c\r\n', ''],
			['space in a name', 'GET', 'X A: b\r\n', ''],
			['empty name', 'GET', ': b\r\n', ''],
			['chunk size', 'POST', 'Transfer-Encoding: chunked\r\n', '0x4\r\nabcd\r\n0\r\n\r\n'],
			['chunk size -', 'POST', 'Transfer-Encoding: chunked\r\n', '-4\r\nabcd\r\n0\r\n\r\n'],
			['chunk LF', 'POST', 'Transfer-Encoding: chunked\r\n', '4\nabcd\n0\n\n'],
			['chunk without end', 'POST', 'Transfer-Encoding: chunked\r\n', '4\r\nabcdX\r\n0\r\n\r\n'],
			['chunk extension', 'POST', 'Transfer-Encoding: chunked\r\n', `4;${'a'.repeat(100000)}\r\nabcd\r\n0\r\n\r\n`],
			['trailer', 'POST', 'Transfer-Encoding: chunked\r\n', '0\r\nCf-Access-Authenticated-User-Email: root@x\r\n\r\n'],
			['two hosts', 'GET', `Host: ${url.host}\r\n`, ''],
		];
		for (const [name, m, more, body] of bad) {
			const c = new Client().say(head(m, '/echo', more)).say(body).say(head('GET', '/id?id=second'));
			const r = await c.answer();
			assert.equal(r.status, 400, name);
			while (!c.ended) await c.more().catch(() => {});
			assert.equal(c.buf.length, 0, `${name}: more than one answer`);
		}
		for (const t of [`https://${url.host}/id?id=abs`, '*', 'id', `//${url.host}@evil/`]) {
			const c = new Client().say(head('GET', t));
			const s = (await c.head()).status;
			assert.ok(t.startsWith('//') ? s === 404 : s === 400, `${t}: ${s}`);
			c.end();
		}
	},
	async 'an upload that is given up'() {
		for (let i = 0; i < 10; i++) {
			const c = new Client().say(head('POST', '/echo', 'Content-Length: 1000000\r\n')).say(pattern(1000 * (i + 1)));
			await new Promise((f) => setTimeout(f, 20));
			c.end();
		}
		assert.equal(json(await ask('GET', '/echo')).bytes, 0);
	},
};
for (const [name, fn] of Object.entries(tests)) {
	if (process.argv[2] && !name.includes(process.argv[2])) continue;
	const t = Date.now();
	try {
		await fn();
		console.log(`${name}: fine, ${Date.now() - t} ms`);
	} catch (e) {
		console.log(`${name}: ${e.stack}`);
		process.exit(1);
	}
}
process.exit(0);
