// A real OIDC provider on loopback for the end-to-end tests: oidc-provider, three clients whose ID tokens are signed RS256, ES256 and
// EdDSA, PKCE required, no consent page. Whoever GETs /test/as/NAME is who the next interactions sign in as.
//   REDIRECT_URI=https://team.localhost:8443/cdn-cgi/access/callback node provider.mjs '{"jdoe": {"email": "jdoe@example.test", ...}}'
// A user: {email, name, email_verified (true), groups ([]), amr (["pwd"])}. Prints "ready PORT". Clients: sp-rs256, sp-es256, sp-eddsa; secret
// "sp-secret-" and the algorithm. Refresh tokens (scope offline_access) are used once each. What its administrator does:
//   GET /test/disable/NAME, /test/enable/NAME, /test/groups/NAME/a,b   (no group: /test/groups/NAME/)
//   GET /test/signout/NAME?client=ID&uri=URL   back-channel logout, posted by the provider itself; answers with the status of the post
//   GET /test/logout-token/NAME?client=ID[&sid=no][&age=SECONDS][&with=JSON of claims]   such a token, not posted; RS256
//   SIGUSR1: nobody can connect any more; SIGUSR2: they can again
//   GET /test/lose/N    the next N answers of the token endpoint are given and get lost on their way
//   GET /test/refreshed   how many refresh tokens were used so far
// RP_CA: file of the CA that the relying party's certificate is of; names under .localhost are loopback.
import http from 'node:http';
import https from 'node:https';
import { readFileSync } from 'node:fs';
import { createPrivateKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { Provider } from 'oidc-provider';

const users = JSON.parse(process.argv[2] ?? process.env.OIDC_USERS ?? '{}');
const redirect = process.env.REDIRECT_URI;
const algs = ['RS256', 'ES256', 'EdDSA'];
let next = Object.keys(users)[0];
const sids = {}; // who -> the provider's session of the last sign-in
let refreshed = 0, lose = 0;

const jwk = (kind, options, more) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), use: 'sig', ...more,
});
const jwks = { keys: [
  jwk('rsa', { modulusLength: 2048 }, { kid: 'r1', alg: 'RS256' }),
  jwk('ec', { namedCurve: 'P-256' }, { kid: 'e1', alg: 'ES256' }),
  jwk('ed25519', {}, { kid: 'd1', alg: 'EdDSA' }),
] };

const configuration = {
  clients: algs.map((alg) => ({
    client_id: `sp-${alg.toLowerCase()}`,
    client_secret: `sp-secret-${alg.toLowerCase()}`,
    redirect_uris: [redirect],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
    backchannel_logout_uri: 'https://nowhere.localhost/', // where it really is, /test/signout says
    backchannel_logout_session_required: true,
    id_token_signed_response_alg: alg,
  })),
  jwks,
  cookies: { keys: ['only for tests'] },
  claims: {
    openid: ['sub', 'amr', 'acr', 'auth_time'],
    email: ['email', 'email_verified'],
    profile: ['name'],
    groups: ['groups'],
  },
  scopes: ['openid', 'email', 'profile', 'groups', 'offline_access'],
  rotateRefreshToken: true,
  fetch: toRelyingParty,
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  enabledJWA: { idTokenSigningAlgValues: algs },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => (!users[id] || users[id].disabled ? undefined : {
    accountId: id,
    claims: () => ({
      sub: id, name: users[id].name ?? id, email: users[id].email, email_verified: users[id].email_verified ?? true, groups: users[id].groups ?? [],
    }),
  }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid email profile groups offline_access');
    await grant.save();
    return grant;
  },
};

function toRelyingParty(url, options) {
  return new Promise((resolve, reject) => {
    const req = https.request(url, {
      method: options.method, headers: Object.fromEntries(new Headers(options.headers)), signal: options.signal,
      ca: process.env.RP_CA && readFileSync(process.env.RP_CA),
      lookup: (host, o, cb) => (o.all ? cb(null, [{ address: '127.0.0.1', family: 4 }]) : cb(null, '127.0.0.1', 4)),
    }, (res) => {
      const parts = [];
      res.on('data', (d) => parts.push(d));
      res.on('end', () => resolve(new Response(res.statusCode === 204 ? null : Buffer.concat(parts), { status: res.statusCode })));
    });
    req.on('error', reject);
    req.end(options.body?.toString());
  });
}

// A logout token of our own making, right but for what the query asks for.
function logoutToken(name, query) {
  const now = Math.floor(Date.now() / 1000), age = Number(query.get('age') ?? 0);
  const claims = {
    iss: provider.issuer, aud: query.get('client'), iat: now - age, exp: now - age + 120, jti: randomUUID(), sub: name,
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    ...(query.get('sid') === 'no' ? {} : { sid: sids[name] }), ...JSON.parse(query.get('with') ?? '{}'),
  };
  const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const text = `${part({ alg: 'RS256', kid: 'r1', typ: 'logout+jwt' })}.${part(claims)}`;
  const key = createPrivateKey({ key: jwks.keys[0], format: 'jwk' });
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

// What an administrator of the provider does. The answer, or undefined when the path is none of these.
async function administer(path, query) {
  const [, , verb, name, value] = path.split('/');
  switch (verb) {
    case 'disable': users[name].disabled = true; return 'disabled';
    case 'enable': delete users[name].disabled; return 'enabled';
    case 'groups': users[name].groups = value ? value.split(',') : []; return 'groups';
    case 'email': users[name].email = value; return 'email';
    case 'lose': lose = Number(name); return 'loses';
    case 'refreshed': return `${refreshed}`;
    case 'signout': {
      const client = await provider.Client.find(query.get('client'));
      client.backchannelLogoutUri = query.get('uri');
      return client.backchannelLogout(name, sids[name]).then(() => 'signed out', (e) => `failed: ${e.message}`);
    }
    case 'logout-token': return logoutToken(name, query);
    default: return undefined;
  }
}

let provider;
const server = http.createServer(async (req, res) => {
  try {
    const as = /^\/test\/as\/([a-z0-9]+)$/.exec(req.url);
    if (as) {
      next = as[1];
      res.end(`${next}\n`);
    } else if (req.url.startsWith('/test/')) {
      const url = new URL(req.url, 'http://localhost');
      res.end(`${await administer(url.pathname, url.searchParams)}\n`);
    } else if (req.url.startsWith('/interaction/')) {
      const to = await provider.interactionResult(req, res, { login: { accountId: next, amr: users[next].amr ?? ['pwd'] }, consent: {} });
      res.writeHead(303, { location: to }).end();
    } else {
      if (req.url === '/token' && lose > 0) {
        lose--;
        res.end = () => { req.socket.destroy(); return res; };
      }
      provider.callback()(req, res);
    }
  } catch (e) {
    console.error(e);
    res.writeHead(500).end(`${e}\n`);
  }
});
server.once('listening', () => {
  const { port } = server.address();
  provider = new Provider(`http://localhost:${port}`, configuration);
  provider.on('server_error', (ctx, e) => console.error(e));
  provider.on('grant.error', (ctx, e) => console.error('grant', e.message, e.error_detail));
  provider.on('grant.success', (ctx) => {
    const code = ctx.oidc.entities.AuthorizationCode;
    if (code) sids[code.accountId] = code.sid;
    else refreshed++;
  });
  console.log(`ready ${port}`);
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
process.on('SIGUSR1', () => { const { port } = server.address(); process.env.PORT = port; server.close(); server.closeAllConnections(); });
process.on('SIGUSR2', () => server.listen(Number(process.env.PORT), '127.0.0.1'));
setInterval(() => {}, 1 << 30); // stays, also while it does not listen
