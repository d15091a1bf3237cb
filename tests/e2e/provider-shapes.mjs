// Providers in the shape of Okta, Google Workspace, Microsoft Entra and GitHub on loopback, each on a port of its own. Documents, claims and
// answers follow the examples that the providers publish (read in November 2026):
//   Okta    developer.okta.com/docs/reference/api/oidc (discovery, ID token payload) and .../api/users "List assigned groups"
//   Google  developers.google.com/identity/openid-connect/openid-connect (discovery, ID token payload) and
//           developers.google.com/admin-sdk/directory/v1/guides/manage-groups "Retrieve all groups for a member"
//   Entra   learn.microsoft.com/entra/identity-platform/id-token-claims-reference and graph "List a user's transitive memberships"
//   GitHub  docs.github.com/rest/users/users, users/emails, orgs/orgs, teams/teams and apps/oauth-apps/authorizing-oauth-apps
// GET /test/VARIANT on any of them chooses how that one answers from now on; /test/seen lists what it was asked. Prints "ready NAME PORT ...".
import crypto from 'node:crypto';
import http from 'node:http';
import { b64u } from './lib.mjs';

const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' };
const now = () => Math.floor(Date.now() / 1000);
const sign = (claims) => {
  const text = `${b64u(JSON.stringify({ alg: 'RS256', kid: 'k1', typ: 'JWT' }))}.${b64u(JSON.stringify(claims))}`;
  return `${text}.${crypto.sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
};
const json = (res, x, status = 200) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(x));
const TENANT = '9122040d-6c67-4c5b-b112-36a304b66dad';
const page = (n, from, f) => Array.from({ length: n }, (_, i) => f(from + i));

// A shape: doc(base), claims(base, variant, token answer's nonce), api(req, res, url, variant, base): true when it answered.
const shapes = {
  okta: {
    issuer: (base) => base,
    endpoints: { authorization: '/oauth2/v1/authorize', token: '/oauth2/v1/token', keys: '/oauth2/v1/keys', userinfo: '/oauth2/v1/userinfo' },
    doc: (base) => ({
      registration_endpoint: `${base}/oauth2/v1/clients`,
      response_types_supported: ['code', 'id_token', 'code id_token', 'code token', 'id_token token', 'code id_token token'],
      response_modes_supported: ['query', 'fragment', 'form_post', 'okta_post_message'],
      grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'password'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'email', 'profile', 'address', 'phone', 'offline_access', 'groups'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'],
      claims_supported: ['iss', 'ver', 'sub', 'aud', 'iat', 'exp', 'jti', 'auth_time', 'amr', 'idp', 'nonce', 'name', 'email', 'email_verified'],
      code_challenge_methods_supported: ['S256'],
      introspection_endpoint: `${base}/oauth2/v1/introspect`,
      end_session_endpoint: `${base}/oauth2/v1/logout`,
      request_parameter_supported: true,
    }),
    claims: (v) => ({
      ver: 1, sub: '00uid4BxXw6I6TV4m0g3', amr: ['pwd', 'mfa'], jti: 'ID.4eAWJOCMB3SX8XewDfVR', auth_time: now(),
      at_hash: 'cpqKfdQA5eH891Ff5oJr_Q', idp: '00ok1u7AsAkrwdZL3z0g3', name: 'John Doe', nickname: 'Jimmy',
      preferred_username: 'john.doe@example.com', given_name: 'John', family_name: 'Doe', zoneinfo: 'America/Los_Angeles',
      locale: 'en-US', updated_at: 1311280970, email: 'john.doe@example.com', email_verified: true,
      groups: v === 'claim-many' ? page(300, 0, (i) => `g${i}`) : ['Everyone', 'Cloud App Users'],
    }),
    api: (req, res, u, v) => {
      if (u.pathname !== '/api/v1/users/00uid4BxXw6I6TV4m0g3/groups') return false;
      if (req.headers.authorization !== 'SSWS okta-api-token') return json(res, { errorCode: 'E0000011' }, 401), true;
      if (v === 'groups-500') return json(res, { errorCode: 'E0000009' }, 500), true;
      if (v === 'groups-form') return json(res, { value: [] }), true;
      if (v === 'groups-many') return json(res, page(300, 0, (i) => ({ id: `00g${i}`, profile: { name: `g${i}` } }))), true;
      if (v === 'groups-redirect') return res.writeHead(302, { location: '/elsewhere' }).end(), true;
      return json(res, [
        { id: '0gabcd1234', profile: { name: 'Cloud App Users', description: 'Users can access cloud apps' } },
        { id: '0gefgh5678', profile: { name: 'Internal App Users', description: 'Users can access internal apps' } },
      ]), true;
    },
  },
  google: {
    issuer: (base) => base,
    endpoints: { authorization: '/o/oauth2/v2/auth', token: '/token', keys: '/oauth2/v3/certs', userinfo: '/v1/userinfo' },
    doc: (base) => ({
      device_authorization_endpoint: `${base}/device/code`,
      revocation_endpoint: `${base}/revoke`,
      response_types_supported: ['code', 'token', 'id_token', 'code token', 'code id_token', 'token id_token', 'code token id_token', 'none'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'email', 'profile'],
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      claims_supported: ['aud', 'email', 'email_verified', 'exp', 'family_name', 'given_name', 'iat', 'iss', 'name', 'picture', 'sub'],
      code_challenge_methods_supported: ['plain', 'S256'],
    }),
    claims: (v) => ({
      azp: 'sp', sub: '10769150350006150715113082367', at_hash: 'HK6E_P6Dh8Y93mRNtsDB1Q', email: 'jsmith@example.com', email_verified: true,
      ...(v === 'hd-missing' ? {} : { hd: v === 'hd-other' ? 'evil.test' : 'example.com' }),
    }),
    api: (req, res, u, v) => {
      if (u.pathname !== '/admin/directory/v1/groups') return false;
      if (req.headers.authorization !== 'Bearer at' || u.searchParams.get('userKey') !== '10769150350006150715113082367') {
        return json(res, { error: { code: 403 } }, 403), true;
      }
      if (v === 'groups-none') return json(res, { kind: 'directory#groups' }), true;
      if (v === 'groups-endless') return json(res, { groups: [], nextPageToken: 'again' }), true;
      if (u.searchParams.get('pageToken') === 'p/2') {
        return json(res, { kind: 'directory#groups', groups: [{ kind: 'directory#group', id: 'g2', email: 'sales@example.com', name: 'Sales' }] }), true;
      }
      return json(res, {
        kind: 'directory#groups',
        groups: [{ kind: 'directory#group', id: 'g1', etag: 'e1', email: 'support@example.com', name: 'Support', directMembersCount: '6', adminCreated: true }],
        nextPageToken: 'p/2',
      }), true;
    },
  },
  azure: {
    issuer: (base) => `${base}/${TENANT}/v2.0`,
    endpoints: {
      authorization: `/${TENANT}/oauth2/v2.0/authorize`, token: `/${TENANT}/oauth2/v2.0/token`, keys: `/${TENANT}/discovery/v2.0/keys`, userinfo: '/oidc/userinfo',
    },
    doc: (base) => ({
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      request_uri_parameter_supported: false,
      claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'acr', 'nonce', 'preferred_username', 'name', 'tid', 'ver', 'at_hash', 'c_hash', 'email'],
      tenant_region_scope: 'NA',
      cloud_instance_name: 'microsoftonline.com',
      msgraph_host: base,
    }),
    claims: (v) => ({
      ver: '2.0', sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ', name: 'Abe Lincoln', preferred_username: 'AbeLi@contoso.test',
      oid: '00000000-0000-0000-66f3-3332eca7ea81', tid: TENANT, nbf: now() - 1,
      email: v === 'email-foreign' ? 'boss@elsewhere.test' : 'AbeLi@contoso.test',
      ...(v === 'email-refuted' ? { email_verified: false } : {}),
      _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.windows.net/x/getMemberObjects' } },
    }),
    api: (req, res, u, v, base) => {
      const list = '/v1.0/me/transitiveMemberOf/microsoft.graph.group';
      if (u.pathname !== list) return false;
      if (req.headers.authorization !== 'Bearer at') return json(res, { error: { code: 'InvalidAuthenticationToken' } }, 401), true;
      if (v === 'next-foreign') {
        return json(res, { value: [], '@odata.nextLink': `${base.replace('localhost', '127.0.0.1')}${list}?$skiptoken=x` }), true;
      }
      if (u.searchParams.get('$skiptoken') === 'X%27') {
        return json(res, { value: [{ '@odata.type': '#microsoft.graph.group', id: '11111111-2222-3333-4444-555555555555' }] }), true;
      }
      return json(res, {
        '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#groups(id)',
        '@odata.nextLink': `${base}${list}?$select=id&$top=999&$skiptoken=X%2527`,
        value: [{ '@odata.type': '#microsoft.graph.group', id: '45b7d2e7-b882-4a80-ba97-10b7a63b8fa4' }],
      }), true;
    },
  },
};

function serve(shape) {
  let variant = 'honest', base, seen = [];
  const codes = new Map();
  const server = http.createServer((req, res) => {
    const u = new URL(req.url, base);
    if (u.pathname === '/test/seen') { res.end(`${seen.join('\n')}\n`); seen = []; return; }
    if (u.pathname.startsWith('/test/')) { variant = u.pathname.slice(6); return res.end(); }
    seen.push(`${req.method} ${req.url}`);
    const issuer = shape.issuer(base), e = shape.endpoints;
    if (base + u.pathname === `${issuer}/.well-known/openid-configuration`) {
      return json(res, {
        issuer, authorization_endpoint: base + e.authorization, token_endpoint: base + e.token, jwks_uri: base + e.keys,
        userinfo_endpoint: base + e.userinfo, ...shape.doc(base),
      });
    }
    if (u.pathname === e.keys) return json(res, { keys: [jwk] });
    if (u.pathname === e.authorization) {
      const code = crypto.randomBytes(8).toString('hex'), to = new URL(u.searchParams.get('redirect_uri'));
      codes.set(code, { nonce: u.searchParams.get('nonce'), challenge: u.searchParams.get('code_challenge') });
      to.searchParams.set('code', code);
      to.searchParams.set('state', u.searchParams.get('state'));
      return res.writeHead(302, { location: to.href }).end();
    }
    if (u.pathname === e.token) {
      let body = '';
      req.on('data', (d) => { body += d; });
      req.on('end', () => {
        const q = new URLSearchParams(body), row = codes.get(q.get('code'));
        codes.delete(q.get('code'));
        if (!row || crypto.createHash('sha256').update(q.get('code_verifier')).digest('base64url') !== row.challenge ||
            req.headers.authorization !== `Basic ${Buffer.from('sp:s3cret').toString('base64')}`) return json(res, { error: 'invalid_grant' }, 400);
        return json(res, {
          access_token: 'at', token_type: 'Bearer', expires_in: 3600, scope: 'openid email profile',
          id_token: sign({ iss: issuer, aud: 'sp', iat: now(), exp: now() + 3600, nonce: row.nonce, ...shape.claims(variant) }),
        });
      });
      return undefined;
    }
    if (shape.api(req, res, u, variant, base)) return undefined;
    return res.writeHead(404).end();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => { base = `http://localhost:${server.address().port}`; resolve(server.address().port); });
  });
}

// GitHub as an Enterprise server: https://HOST/login/oauth and https://HOST/api/v3.
function github() {
  let variant = 'honest', base, seen = [];
  const codes = new Map();
  const user = () => ({
    login: variant === 'renamed' ? 'monalisa' : 'octocat', id: variant === 'reused-login' ? 2 : variant === 'id-text' ? '1' : 1,
    node_id: 'MDQ6VXNlcjE=', url: 'https://api.github.com/users/octocat', html_url: 'https://github.com/octocat',
    type: variant === 'organization' ? 'Organization' : 'User', site_admin: false, name: 'monalisa octocat', company: 'GitHub',
    email: 'boss@github.com', two_factor_authentication: true,
  });
  const emails = () => {
    const primary = { email: 'octocat@github.com', verified: true, primary: true, visibility: 'private' };
    const other = { email: 'boss@corp.test', verified: true, primary: false, visibility: null };
    switch (variant) {
      case 'email-unverified': return [{ ...primary, verified: false }, other];
      case 'email-verified-text': return [{ ...primary, verified: 'true' }];
      case 'email-no-primary': return [other];
      case 'email-two-primaries': return [primary, { ...other, primary: true }];
      case 'email-two-ats': return [{ ...primary, email: 'a@b@github.com' }];
      case 'email-none': return [];
      default: return [primary, other];
    }
  };
  const server = http.createServer((req, res) => {
    const u = new URL(req.url, base), n = Number(u.searchParams.get('page') ?? 1);
    if (u.pathname === '/test/seen') { res.end(`${seen.join('\n')}\n`); seen = []; return; }
    if (u.pathname.startsWith('/test/')) { variant = u.pathname.slice(6); return res.end(); }
    seen.push(`${req.method} ${req.url}`);
    if (u.pathname === '/login/oauth/authorize') {
      const code = crypto.randomBytes(10).toString('hex'), to = new URL(u.searchParams.get('redirect_uri'));
      codes.set(code, { challenge: u.searchParams.get('code_challenge'), scope: u.searchParams.get('scope') });
      to.searchParams.set('code', code);
      to.searchParams.set('state', u.searchParams.get('state'));
      return res.writeHead(302, { location: to.href }).end();
    }
    if (u.pathname === '/login/oauth/access_token') {
      let body = '';
      req.on('data', (d) => { body += d; });
      req.on('end', () => {
        const q = new URLSearchParams(body), row = codes.get(q.get('code'));
        codes.delete(q.get('code'));
        if (variant === 'bad-code' || !row || crypto.createHash('sha256').update(q.get('code_verifier')).digest('base64url') !== row.challenge ||
            q.get('client_id') !== 'sp' || q.get('client_secret') !== 's3cret') {
          return json(res, { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' });
        }
        return json(res, { access_token: 'gho_16C7e42F292c6912E7710c838347Ae178B4a', scope: row.scope.replaceAll(' ', ','), token_type: 'bearer' });
      });
      return undefined;
    }
    if (!req.headers['user-agent']) return json(res, { message: 'Request forbidden by administrative rules' }, 403);
    if (req.headers.authorization !== 'Bearer gho_16C7e42F292c6912E7710c838347Ae178B4a') return json(res, { message: 'Requires authentication' }, 401);
    if (u.pathname === '/api/v3/user') {
      if (variant === 'user-401') return json(res, { message: 'Bad credentials' }, 401);
      if (variant === 'user-redirect') return res.writeHead(302, { location: `${base}/elsewhere` }).end();
      if (variant === 'user-huge') return res.end(`{"id":1,"login":"${'x'.repeat(8 << 20)}"}`);
      return json(res, user());
    }
    if (u.pathname === '/api/v3/user/emails') return json(res, emails());
    if (u.pathname === '/api/v3/user/orgs') {
      if (variant === 'orgs-403') return json(res, { message: 'You need at least read:org scope' }, 403);
      if (variant === 'orgs-paged') return json(res, page(n === 1 ? 100 : 7, n * 1000, (i) => ({ login: `org${i}`, id: i })));
      if (variant === 'orgs-endless') return json(res, page(100, n * 1000, (i) => ({ login: `org${i}`, id: i })));
      if (variant === 'orgs-slash') return json(res, [{ login: 'github/justice-league', id: 1 }]);
      return json(res, [{ login: 'github', id: 1, node_id: 'MDEyOk9yZ2FuaXphdGlvbjE=', description: 'A great organization' }]);
    }
    if (u.pathname === '/api/v3/user/teams') {
      return json(res, [{
        id: 1, node_id: 'MDQ6VGVhbTE=', name: 'Justice League', slug: 'justice-league', privacy: 'closed', permission: 'admin', parent: null,
        organization: { login: 'github', id: 1 },
      }]);
    }
    return json(res, { message: 'Not Found' }, 404);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => { base = `http://localhost:${server.address().port}`; resolve(server.address().port); });
  });
}

const ports = [];
for (const [name, shape] of Object.entries(shapes)) ports.push(name, await serve(shape));
ports.push('github', await github());
console.log(`ready ${ports.join(' ')}`);
