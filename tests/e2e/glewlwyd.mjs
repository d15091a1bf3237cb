// Sets up a fresh Glewlwyd (its own database, administrator admin/password) as an OpenID provider by its administration API:
//   node glewlwyd.mjs BASE_URL REDIRECT_URI USERS_JSON      {"jdoe": {"email", "password", "groups": [...], "verified": "yes" | "no"}}
// Client sp, secret s3cret; claims groups and email_verified come from properties of the user; openid asks for the password.
import crypto from 'node:crypto';

const [, , base, redirect, users] = process.argv;
let cookie = '';
const call = async (method, path, body) => {
  const r = await fetch(`${base}/api${path}`, { method, headers: { 'content-type': 'application/json', cookie }, body: body && JSON.stringify(body) });
  const set = r.headers.getSetCookie();
  if (set.length) cookie = set.map((c) => c.split(';')[0]).join('; ');
  const text = await r.text();
  if (r.status !== 200) throw new Error(`${method} ${path}: ${r.status} ${text}`);
  return text ? JSON.parse(text) : null;
};
await call('POST', '/auth/', { username: 'admin', password: 'password' });
const store = await call('GET', '/mod/user/database');
for (const [name, multiple] of [['groups', true], ['verified', false]]) {
  store.parameters['data-format'][name] = { multiple, read: true, write: true, 'profile-read': true, 'profile-write': false };
}
await call('PUT', '/mod/user/database', store);
await call('PUT', '/mod/user/database/reset');
await call('PUT', '/scope/openid', { name: 'openid', display_name: 'OpenID', description: 'sign-in', password_required: true, password_max_age: 3600, scheme: {} });
const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
await call('POST', '/mod/plugin/', { module: 'oidc', name: 'oidc', display_name: 'OIDC', parameters: {
  iss: `${base}/api/oidc`, 'subject-type': 'public', 'oauth-as-iss-id': true,
  'jwt-type': 'rsa', 'jwt-key-size': '256', key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: publicKey.export({ type: 'spki', format: 'pem' }),
  'access-token-duration': 3600, 'refresh-token-duration': 1209600, 'code-duration': 600, 'refresh-token-rolling': true, 'allow-non-oidc': false,
  'auth-type-code-enabled': true, 'auth-type-refresh-enabled': true, 'auth-type-token-enabled': false, 'auth-type-id-token-enabled': false,
  'auth-type-none-enabled': false, 'auth-type-password-enabled': false, 'auth-type-client-enabled': false, 'auth-type-implicit-enabled': false,
  'auth-type-device-enabled': false, 'pkce-allowed': true, 'pkce-method-plain-allowed': false, 'pkce-required': true,
  'email-claim': 'mandatory', 'name-claim': 'mandatory',
  claims: [
    { name: 'groups', 'user-property': 'groups', type: 'string', mandatory: true },
    { name: 'email_verified', 'user-property': 'verified', type: 'boolean', 'boolean-value-true': 'yes', 'boolean-value-false': 'no', mandatory: true },
  ],
} });
await call('POST', '/client/', {
  client_id: 'sp', name: 'sp', enabled: true, confidential: true, password: 's3cret', client_secret: 's3cret', scope: [],
  redirect_uri: [redirect], authorization_type: ['code', 'refresh_token'], token_endpoint_auth_method: ['client_secret_basic'],
});
for (const [username, u] of Object.entries(JSON.parse(users))) {
  await call('POST', '/user/', {
    username, name: username, email: u.email, password: u.password, enabled: true, scope: ['openid', 'g_profile'], groups: u.groups, verified: u.verified ?? 'yes',
  });
}
