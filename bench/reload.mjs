// How soon a change counts at the edge: node reload.mjs TOKEN EMAIL APP_HOST N. The policy of an application is put through the API to deny
// EMAIL, and back, N times each; meanwhile EMAIL's browser asks for the application over a connection that stays. Prints a line a change:
// milliseconds from sending the change to the first answer that obeys it, and from the API's answer to the same (negative: before it).
import fs from 'node:fs';
import https from 'node:https';

const [token, email, host, n] = process.argv.slice(2);
const port = Number(process.env.UPORT);
const ca = fs.readFileSync(process.env.SALLYPORT_CA_FILE);
const agents = {};
function ask(name, method, path, headers, body) {
  agents[name] ??= new https.Agent({ keepAlive: true, maxSockets: 1, ca, lookup: (h, o, cb) => cb(null, o.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4) });
  return new Promise((resolve, reject) => {
    const r = https.request({ agent: agents[name], host: name, servername: name, port, method, path, headers: { host: `${name}:${port}`, ...headers } }, (res) => {
      const parts = [];
      res.on('data', (d) => parts.push(d));
      res.on('end', () => resolve({ status: res.statusCode, text: Buffer.concat(parts).toString() }));
    });
    r.on('error', reject);
    r.end(body);
  });
}
const team = process.env.TEAM_HOST;
const bearer = { authorization: `Bearer ${process.env.SALLYPORT_API_TOKEN}`, 'content-type': 'application/json' };
const api = async (method, path, body) => {
  const { status, text } = await ask(team, method, `/client/v4${path}`, bearer, body && JSON.stringify(body));
  if (status !== 200) throw new Error(`${method} ${path}: ${status} ${text}`);
  return JSON.parse(text).result;
};
const page = async () => (await ask(host, 'GET', '/', { cookie: `CF_Authorization=${token}`, 'x-requested-with': 'XMLHttpRequest' })).status;

const [account] = await api('GET', '/accounts');
const at = `/accounts/${account.id}/access/apps`;
const [app] = await api('GET', `${at}?domain=${host}`);
const [policy] = await api('GET', `${at}/${app.id}/policies`);
const put = (other) => api('PUT', `${at}/${app.id}/policies/${policy.id}`, { name: 'bench', decision: 'allow', include: [{ email: { email: other } }] });
if (await page() !== 200) throw new Error('not let in to begin with');
for (let i = 0; i < 2 * Number(n); i++) {
  const in_ = i % 2 === 1;
  const sent = performance.now();
  let answered;
  const done = put(in_ ? email : 'nobody@example.test').then(() => { answered = performance.now(); });
  while ((await page() === 200) !== in_);
  const seen = performance.now();
  await done;
  console.log((seen - sent).toFixed(1), (seen - answered).toFixed(1));
}
process.exit(0);
