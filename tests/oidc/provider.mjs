// A real OIDC provider on loopback for the end-to-end tests: oidc-provider, three clients whose ID tokens are signed RS256, ES256 and
// EdDSA, PKCE required, no consent page. Whoever GETs /test/as/NAME is who the next interactions sign in as.
//   REDIRECT_URI=https://team.localhost:8443/cdn-cgi/access/callback node provider.mjs '{"jdoe": {"email": "jdoe@example.test", ...}}'
// A user: {email, email_verified (true), groups ([]), amr (["pwd"])}. Prints "ready PORT". Clients: sp-rs256, sp-es256, sp-eddsa; secret
// "sp-secret-" and the algorithm.
import http from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const users = JSON.parse(process.argv[2] ?? process.env.OIDC_USERS ?? '{}');
const redirect = process.env.REDIRECT_URI;
const algs = ['RS256', 'ES256', 'EdDSA'];
let next = Object.keys(users)[0];

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
    grant_types: ['authorization_code'],
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
  scopes: ['openid', 'email', 'profile', 'groups'],
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  enabledJWA: { idTokenSigningAlgValues: algs },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => users[id] && {
    accountId: id,
    claims: () => ({
      sub: id, name: id, email: users[id].email, email_verified: users[id].email_verified ?? true, groups: users[id].groups ?? [],
    }),
  },
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid email profile groups');
    await grant.save();
    return grant;
  },
};

let provider;
const server = http.createServer(async (req, res) => {
  try {
    const as = /^\/test\/as\/([a-z0-9]+)$/.exec(req.url);
    if (as) {
      next = as[1];
      res.end(`${next}\n`);
    } else if (req.url.startsWith('/interaction/')) {
      const to = await provider.interactionResult(req, res, { login: { accountId: next, amr: users[next].amr ?? ['pwd'] } });
      res.writeHead(303, { location: to }).end();
    } else {
      provider.callback()(req, res);
    }
  } catch (e) {
    console.error(e);
    res.writeHead(500).end(`${e}\n`);
  }
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const { port } = server.address();
  provider = new Provider(`http://localhost:${port}`, configuration);
  provider.on('server_error', (ctx, e) => console.error(e));
  console.log(`ready ${port}`);
});
