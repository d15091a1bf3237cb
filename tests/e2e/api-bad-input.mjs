import { check, report, request } from './lib.mjs';

const { ACCOUNT, TEAM_HOST, TOKEN } = process.env;
const at = `/client/v4/accounts/${ACCOUNT}`;
async function call(method, path, body, headers = {}) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const a = await request(TEAM_HOST, path.startsWith('/client') ? path : at + path, { method, body: text,
    headers: { authorization: `Bearer ${TOKEN}`, ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers } });
  try { a.json = JSON.parse(a.body); } catch { a.json = null; }
  a.error = a.json?.errors?.[0];
  return a;
}
const group = (more) => ({ name: 'g', include: [{ everyone: {} }], ...more });

// --- JSON that is none of ours
for (const [what, body] of [['10,000 lists deep', '['.repeat(10000) + ']'.repeat(10000)], ['10,000 maps deep', '{"a":'.repeat(10000) + '1' + '}'.repeat(10000)],
  ['10,000 deep in a member', `{"name":"g","include":${'['.repeat(10000)}${']'.repeat(10000)}}`], ['never closed', '{"name":'.repeat(10000)],
  ['a field twice', '{"name":"a","name":"b","include":[{"everyone":{}}]}'], ['trailing bytes', '{"name":"a","include":[{"everyone":{}}]} x'],
  ['not JSON', 'name=a'], ['a list', '[]'], ['a text', '"x"'], ['null', 'null'], ['nothing', ''], ['a NUL', '{"name":"a\\u0000b","include":[{"everyone":{}}]}'],
  ['broken UTF-8', Buffer.from([0x7b, 0x22, 0x6e, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]).toString('latin1')], ['half a surrogate', '{"name":"\\ud800","include":[{"everyone":{}}]}'],
  ['a huge number', '{"name":"a","include":[{"everyone":{}}],"is_default":1e999}']]) {
  const a = await call('POST', '/access/groups', body);
  check(a.status === 400 && a.error?.code === 12130, what, `${a.status} ${a.body.slice(0, 200)}`);
}
// what is wrong with it is said, and where; the text itself is not repeated
for (const [what, body, text] of [['twice', '{\n "name":"s3cret",\n "name":"b"}', /line 3, column \d+: found a key twice/], ['deep', '['.repeat(99) + ']'.repeat(99), /nested more than 64 deep/],
  ['a list', '[]', /found a list/], ['nothing', '', /found nothing/], ['more', '{} {}', /line 1, column \d+: found more after its end/]]) {
  const { message } = (await call('POST', '/access/groups', body)).error;
  check(text.test(message) && !message.includes('s3cret'), `why: ${what}`, message);
}
let big;
try {
  big = (await call('POST', '/access/groups', JSON.stringify(group({ name: 'x'.repeat(10 << 20) })))).status;
} catch (e) {
  big = e.code; // told 413 and closed while we were still sending
}
check([413, 'EPIPE', 'ECONNRESET'].includes(big), '10 MB', big);
for (const [what, body, pointer, text] of [['name is a number', group({ name: 7 }), '/name', /found the number 7/], ['name is too long', group({ name: 'n'.repeat(351) }), '/name', /350/],
  ['name is empty', group({ name: '' }), '/name', /name/], ['include is a map', group({ include: {} }), '/include', /list/], ['include is empty', group({ include: [] }), '/include', /at least one/],
  ['unknown field', group({ inlcude: [] }), '/inlcude', /include/], ['unknown selector', group({ include: [{ emial: { email: 'a@b.test' } }] }), '/include/0', /did you mean email\?/],
  ['two letters swapped', { nmae: 'g', include: [{ everyone: {} }] }, '/nmae', /did you mean name\?/],
  ['a network that is none', group({ include: [{ ip: { ip: '10.0.0.0/33' } }] }), '/include/0', /10\.0\.0\.0\/33/],
  ['a rule of two', group({ include: [{ everyone: {}, email: { email: 'a@b.test' } }] }), '/include/0', /./]]) {
  const a = await call('POST', '/access/groups', body);
  check(a.status === 400 && a.error?.source?.pointer?.startsWith(pointer) && text.test(a.error.message), what, a.body);
}
check((await call('GET', '/access/groups')).json.result.length === 0, 'nothing of it was kept');

// --- names that mean something elsewhere
const odd = ["'; DROP TABLE docs; --", '" OR 1=1', '%s%n%x', '../../etc/passwd', '<script>alert(1)</script>', 'Ünïcödé 名前 🚢', '${HOME}`id`', 'a\\b', 'ｆｕｌｌ', 'e\u0301', '\u202eabc', "Robert'); --"];
const ids = [];
for (const name of odd) {
  const a = await call('POST', '/access/groups', group({ name }));
  check(a.status === 201 && a.json.result.name === name, `name ${name}`, a.body);
  ids.push(a.json?.result?.id);
  const b = await call('GET', `/access/groups?name=${encodeURIComponent(name)}`);
  check(b.json?.result?.length === 1 && b.json.result[0].name === name, `found by name ${name}`, b.body);
}
check((await call('POST', '/access/groups', group({ name: odd[0] }))).status === 409, 'a name twice');
for (const id of ["'", '%27%20OR%201=1', '..%2f..%2fx', '%00', 'a'.repeat(2000)])
  check([400, 404].includes((await call('GET', `/access/groups/${id}`)).status), `id ${id.slice(0, 20)}`);

// --- pages
const page = async (query) => (await call('GET', `/access/groups?${query}`)).json;
check((await page('page=99')).result.length === 0 && (await page('page=99')).result_info.total_count === odd.length, 'a page past the end');
check((await page('per_page=5&page=3')).result.length === 2, 'the last page');
check((await page('per_page=0')).result.length === odd.length, 'per_page=0');
check((await page('per_page=99999999')).result_info.per_page === 1000, 'per_page has a limit');
for (const q of ['page=-1', 'page=x', 'page=18446744073709551616', 'page=1000000&per_page=1000'])
  check((await page(q)).success === true, q);

// --- two writers
const id = ids[0];
const read = await call('GET', `/access/groups/${id}`);
const tag = read.headers.etag;
check(/^"\d+"$/.test(tag), 'ETag', tag);
check((await call('PUT', `/access/groups/${id}`, group({ name: 'one' }), { 'if-match': tag })).status === 200, 'the first writer');
const late = await call('PUT', `/access/groups/${id}`, group({ name: 'two' }), { 'if-match': tag });
const now = (await call('GET', `/access/groups/${id}`)).headers.etag;
check(late.status === 409 && /SP-1010/.test(late.error.message) && late.error.message.includes(tag) && late.error.message.includes(now), 'the second writer', late.body);
check((await call('GET', `/access/groups/${id}`)).json.result.name === 'one', 'nothing was lost');
check((await call('DELETE', `/access/groups/${id}`, undefined, { 'if-match': tag })).status === 409, 'deleting what changed');
check((await call('DELETE', `/access/groups/${id}`, undefined, { 'if-match': now })).status < 300, 'deleting what is known');
const tunnel = (await call('POST', '/cfd_tunnel', { name: 'pool' })).json.result;
const etag = (await call('GET', `/cfd_tunnel/${tunnel.id}`)).headers.etag;
const race = await Promise.all(['a', 'b', 'c', 'd'].map((name) => call('PATCH', `/cfd_tunnel/${tunnel.id}`, { name }, { 'if-match': etag })));
check(race.map((x) => x.status).sort().join() === '200,409,409,409', 'four writers at once', race.map((x) => x.body));
const idp = (await call('POST', '/access/identity_providers', { name: 'corp', type: 'oidc', config: { client_id: 'c', client_secret: 'hush-hush-1', auth_url: 'https://i.test/a',
  token_url: 'https://i.test/t', certs_url: 'https://i.test/c' } })).json.result;
check((await call('PUT', `/access/identity_providers/${idp.id}`, { ...idp, name: 'corp 2' }, { 'if-match': '"999"' })).status === 409, 'a provider that changed');

// --- the audit chain has both sides of it, and no secret
const log = (await call('GET', '/sallyport/audit')).json.result.filter((e) => e.kind === 'change_intent');
const of = (kind, oid) => log.flatMap((e) => e.details?.records ?? []).filter((x) => x.kind === kind && x.id === oid);
check(of('group', id).map((x) => `${x.before?.name ?? null}>${x.after?.name ?? null}`).join() === `null>${odd[0]},${odd[0]}>one,one>null`, 'before and after of a group', of('group', id));
check(of('tunnel', tunnel.id)[1]?.before?.name === 'pool' && of('tunnel', tunnel.id)[0].after.tunnel_secret === '***', 'before and after of a tunnel', of('tunnel', tunnel.id));
check(of('idp', idp.id).length === 1, 'a provider');
check(!JSON.stringify(log).includes('hush-hush-1') && !JSON.stringify(log).includes(tunnel.credentials_file.TunnelSecret), 'no secret');
report();
