// A small MaxMind DB (format 2.0, 24-bit records, IPv6 tree) for tests: node mmdb.mjs FILE [flat] CIDR=CC...
// Later entries go over earlier ones. "flat" puts the code at country_code instead of country.iso_code.
import { writeFileSync, renameSync } from "node:fs";
import { isIPv4 } from "node:net";

const [file, ...rest] = process.argv.slice(2);
const flat = rest[0] === "flat" && rest.shift();

const str = (s) => Buffer.concat([Buffer.from([0x40 | Buffer.byteLength(s)]), Buffer.from(s)]);
const num = (type, v, n) => {
	const b = Buffer.alloc(n);
	b.writeUIntBE(v, 0, n);
	return type < 8 ? Buffer.concat([Buffer.from([(type << 5) | n]), b]) : Buffer.concat([Buffer.from([n, type - 7]), b]);
};
const map = (o) => Buffer.concat([Buffer.from([0xe0 | Object.keys(o).length]), ...Object.entries(o).flatMap(([k, v]) => [str(k), v])]);
const arr = (v) => Buffer.concat([Buffer.from([v.length, 4]), ...v]);

function bits(cidr) {
	const [addr, len] = cidr.split("/");
	const out = [];
	if (isIPv4(addr)) {
		const n = Number(len ?? 32);
		for (let i = 0; i < 96; i++) out.push(0);
		addr.split(".").map(Number).forEach((b, k) => { for (let i = 0; i < 8; i++) if (k * 8 + i < n) out.push((b >> (7 - i)) & 1); });
		return out;
	}
	const [l, r = null] = addr.split("::");
	const left = l ? l.split(":") : [], right = r ? r.split(":") : [];
	const words = r === null ? left : [...left, ...Array(8 - left.length - right.length).fill("0"), ...right];
	words.map((w) => parseInt(w, 16)).forEach((w) => { for (let i = 15; i >= 0; i--) out.push((w >> i) & 1); });
	return out.slice(0, Number(len ?? 128));
}

const root = [null, null];
const data = [], where = new Map();
let size = 0;
for (const e of rest) {
	const [cidr, cc] = e.split("=");
	if (!where.has(cc)) {
		const d = flat ? map({ country_code: str(cc) }) : map({ country: map({ iso_code: str(cc) }) });
		where.set(cc, size);
		data.push(d);
		size += d.length;
	}
	const path = bits(cidr), last = path.pop();
	let n = root;
	for (const b of path) {
		if (!Array.isArray(n[b])) n[b] = [n[b], n[b]];
		n = n[b];
	}
	n[last] = cc;
}
const nodes = [];
(function walk(n) { n.at = nodes.push(n) - 1; for (const c of n) if (Array.isArray(c)) walk(c); })(root);
const tree = Buffer.alloc(nodes.length * 6);
nodes.forEach((n, i) => n.forEach((c, k) => tree.writeUIntBE(Array.isArray(c) ? c.at : c === null ? nodes.length : nodes.length + 16 + where.get(c), i * 6 + k * 3, 3)));
const meta = map({
	node_count: num(6, nodes.length, 4), record_size: num(5, 24, 2), ip_version: num(5, 6, 2), database_type: str("Test-Country"),
	languages: arr([str("en")]), binary_format_major_version: num(5, 2, 2), binary_format_minor_version: num(5, 0, 2),
	build_epoch: num(9, 1700000000, 6), description: map({ en: str("test") }),
});
writeFileSync(file + ".tmp", Buffer.concat([tree, Buffer.alloc(16), ...data, Buffer.from("abcdef", "hex"), Buffer.from("MaxMind.com"), meta]));
renameSync(file + ".tmp", file);
