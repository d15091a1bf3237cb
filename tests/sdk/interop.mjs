// Every call is one that users of the SDK make; nothing here knows about us but the base URL. Trust comes from NODE_EXTRA_CA_CERTS.
import Cloudflare from 'cloudflare';
import dns from 'node:dns';
import { check, report } from '../e2e/lib.mjs';

// Names under .localhost are loopback (RFC 6761); not every resolver knows.
const lookup = dns.lookup;
dns.lookup = (name, options, done) => {
  if (!name.endsWith('.localhost')) return lookup(name, options, done);
  if (typeof options === 'function') return options(null, '127.0.0.1', 4);
  return options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
};

const { ACCOUNT: account_id, ZONE: zone_id, TEAM_HOST, UPORT, TOKEN, PEOPLE } = process.env;
const baseURL = `https://${TEAM_HOST}:${UPORT}/client/v4`;
const client = (apiToken) => new Cloudflare({ apiToken, baseURL, maxRetries: 0 });
const cf = client(TOKEN);
const { access, tunnels, organizations, identityProviders } = cf.zeroTrust;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

const all = async (pages) => {
  const v = [];
  for await (const x of pages) v.push(x);
  return v;
};
// The call must fail with this class of error and, if given, this code.
async function fails(what, kind, promise, code) {
  try {
    check(false, what, await promise);
  } catch (e) {
    check(e instanceof kind, what, `${e.constructor.name} ${e.message}`);
    check(e.errors?.length === 1 && Number.isInteger(e.errors[0].code) && e.errors[0].message, `${what}: errors`, e.errors);
    if (code) check(e.errors?.[0]?.code === code, `${what}: code`, e.errors);
    return e;
  }
}
async function part(name, run) {
  try {
    await run();
  } catch (e) {
    check(false, name, `${e.constructor.name} ${e.message} ${e.stack.split('\n').slice(1, 5).join(' ')}`);
  }
}

let app, idp;
await part('applications', async () => {
  app = await access.applications.create({ account_id, type: 'self_hosted', name: 'web', domain: 'web.localhost', session_duration: '6h',
    allowed_idps: [], app_launcher_visible: false });
  check(uuid.test(app.id) && app.uid === app.id, 'app: id and uid', app);
  check(/^[0-9a-f]{64}$/.test(app.aud), 'app: aud', app.aud);
  check(stamp.test(app.created_at) && stamp.test(app.updated_at), 'app: times', app);
  check(app.session_duration === '6h' && app.app_launcher_visible === false && app.domain === 'web.localhost', 'app: fields', app);
  const raw = await access.applications.create({ account_id, type: 'self_hosted', name: 'second', domain: 'second.localhost' }).asResponse();
  check(raw.status === 201, 'app: created with 201', raw.status);
  const second = (await raw.json()).result;
  for (let i = 0; i < 5; i += 1) await access.applications.create({ account_id, type: 'self_hosted', name: `page ${i}`, domain: `p${i}.localhost` });
  check((await all(access.applications.list({ account_id, per_page: 2 }))).length === 7, 'app: all pages');
  const page = await access.applications.list({ account_id, per_page: 3, page: 2 });
  check(page.result.length === 3 && page.result_info.page === 2 && page.result_info.per_page === 3 && page.result_info.count === 3 &&
    page.result_info.total_count === 7, 'app: result_info', page.result_info);
  check((await all(access.applications.list({ account_id, name: 'web' }))).length === 1, 'app: list by name');
  check((await all(access.applications.list({ account_id, domain: 'web.localhost' }))).length === 1, 'app: list by domain');
  const seen = await access.applications.get(app.id, { account_id });
  check(JSON.stringify(seen) === JSON.stringify(app), 'app: get equals what create answered', seen);
  // What was read is what may be written: everything of it goes back.
  const put = await access.applications.update(app.id, { account_id, ...seen, name: 'web two', session_duration: '30m' });
  check(put.name === 'web two' && put.aud === app.aud && put.session_duration === '30m' && put.created_at === app.created_at, 'app: update', put);
  const nulls = await access.applications.update(app.id, { account_id, type: 'self_hosted', name: 'web', domain: 'web.localhost', logo_url: null,
    custom_deny_url: null, custom_deny_message: null, allowed_idps: null, tags: null });
  check(nulls.name === 'web' && nulls.session_duration === '24h', 'app: nulls are absent', nulls);
  const zoned = await access.applications.get(app.id, { zone_id });
  check(zoned.id === app.id, 'app: by zone', zoned);
  check((await all(access.applications.list({ zone_id }))).length === 7, 'app: list by zone');
  check((await access.applications.delete(second.id, { account_id })).id === second.id, 'app: delete');
  await fails('app: deleted one', Cloudflare.NotFoundError, access.applications.get(second.id, { account_id }));
  await access.applications.revokeTokens(app.id, { account_id });
  const e = await fails('app: unknown field', Cloudflare.BadRequestError, access.applications.create({ account_id, type: 'self_hosted', name: 'x',
    domain: 'x.localhost', sesion_duration: '1h' }), 12130);
  check(e.errors[0].source?.pointer === '/sesion_duration' && /session_duration/.test(e.errors[0].message), 'app: the nearest name', e.errors);
  check(/^access\.api\.error\.invalid_request: /.test(e.errors[0].message), 'app: the kind of error', e.errors);
  await fails('app: wrong type', Cloudflare.BadRequestError, access.applications.create({ account_id, type: 'self_hosted', name: 5, domain: 'x.localhost' }));
  await fails('app: domain taken', Cloudflare.ConflictError, access.applications.create({ account_id, type: 'self_hosted', name: 'x', domain: 'web.localhost' }));
  await fails('app: foreign account', Cloudflare.NotFoundError, access.applications.list({ account_id: '0'.repeat(32) }));
  await fails('no token', Cloudflare.AuthenticationError, client('nonsense').zeroTrust.access.applications.list({ account_id }));
});

await part('settings', async () => {
  const s = await access.applications.settings.edit(app.id, { account_id, allow_iframe: false, skip_interstitial: true });
  check(s.skip_interstitial === true, 'settings: edited', s);
  const t = await access.applications.settings.update(app.id, { account_id, skip_interstitial: false });
  check(t.skip_interstitial === false, 'settings: set', t);
});

await part('policies of an application', async () => {
  const p = await access.applications.policies.create(app.id, { account_id, name: 'staff', decision: 'allow', precedence: 1,
    include: [{ email_domain: { domain: 'example.test' } }], session_duration: '2h' });
  check(uuid.test(p.id) && p.decision === 'allow' && p.precedence === 1, 'policy: created', p);
  check(Array.isArray(p.require) && Array.isArray(p.exclude), 'policy: lists are lists', p);
  const q = await access.applications.policies.create(app.id, { account_id, name: 'first', decision: 'deny', precedence: 1, include: [{ everyone: {} }] });
  const order = await all(access.applications.policies.list(app.id, { account_id, per_page: 1 }));
  check(order.map((x) => x.name).join() === 'first,staff', 'policy: order', order);
  const got = await access.applications.policies.get(p.id, { account_id, app_id: app.id });
  check(got.name === 'staff' && got.precedence === 2, 'policy: get', got);
  const put = await access.applications.policies.update(p.id, { account_id, app_id: app.id, ...got, name: 'all staff', require: [{ ip: { ip: '127.0.0.0/8' } }] });
  check(put.name === 'all staff' && put.require.length === 1, 'policy: update', put);
  check((await access.applications.policies.delete(q.id, { account_id, app_id: app.id })).id === q.id, 'policy: delete');
  await fails('policy: deleted one', Cloudflare.NotFoundError, access.applications.policies.get(q.id, { account_id, app_id: app.id }));
  const e = await fails('policy: unknown selector', Cloudflare.BadRequestError, access.applications.policies.create(app.id, { account_id, name: 'x', decision: 'allow',
    include: [{ emial: { email: 'a@b.test' } }] }));
  check(/email/.test(e?.message) && e?.errors[0].source?.pointer?.startsWith('/include/0'), 'policy: nearest selector', e?.errors);
  check((await access.applications.get(app.id, { account_id })).policies.length === 1, 'policy: seen in the application');
});

await part('groups', async () => {
  const g = await access.groups.create({ account_id, name: 'ops', include: [{ email: { email: 'Jdoe@Example.test' } }], is_default: false });
  check(uuid.test(g.id) && Array.isArray(g.exclude) && Array.isArray(g.require) && g.is_default === false && stamp.test(g.created_at), 'group: created', g);
  check((await all(access.groups.list({ account_id, per_page: 1 }))).length === 2, 'group: list');
  check((await all(access.groups.list({ account_id, search: 'op' }))).length === 1, 'group: search');
  const put = await access.groups.update(g.id, { account_id, ...g, name: 'ops 2', exclude: [{ everyone: {} }] });
  check(put.name === 'ops 2' && put.exclude.length === 1 && put.created_at === g.created_at, 'group: update', put);
  check((await access.groups.get(g.id, { zone_id })).name === 'ops 2', 'group: by zone');
  check((await access.groups.delete(g.id, { account_id })).id === g.id, 'group: delete');
  await fails('group: deleted one', Cloudflare.NotFoundError, access.groups.get(g.id, { account_id }));
});

await part('identity providers', async () => {
  idp = await identityProviders.create({ account_id, name: 'corp', type: 'oidc', config: { client_id: 'c1', client_secret: 'shh-secret',
    auth_url: 'https://login.example.test/auth', token_url: 'https://login.example.test/token', certs_url: 'https://login.example.test/certs',
    scopes: ['openid', 'email'], claims: ['groups'], email_claim_name: 'email' } });
  check(uuid.test(idp.id) && idp.type === 'oidc' && idp.config.client_id === 'c1', 'idp: created', idp);
  check(!JSON.stringify(idp).includes('shh-secret'), 'idp: the secret stays', idp);
  check(idp.config.redirect_url?.endsWith('/cdn-cgi/access/callback'), 'idp: redirect_url', idp.config);
  const list = await all(identityProviders.list({ account_id }));
  check(list.some((x) => x.id === idp.id), 'idp: list', list);
  const got = await identityProviders.get(idp.id, { account_id });
  const put = await identityProviders.update(idp.id, { account_id, ...got, name: 'corp 2' });
  check(put.name === 'corp 2' && put.config.client_id === 'c1', 'idp: update', put);
  check((await identityProviders.delete(idp.id, { account_id })).id === idp.id, 'idp: delete');
  await fails('idp: deleted one', Cloudflare.NotFoundError, identityProviders.get(idp.id, { account_id }));
});

await part('reusable policies', async () => {
  const p = await access.policies.create({ account_id, name: 'everybody of ours', decision: 'allow', include: [{ email_domain: { domain: 'example.test' } }] });
  check(uuid.test(p.id) && p.decision === 'allow' && p.reusable === true, 'reusable policy: created', p);
  check((await all(access.policies.list({ account_id }))).some((x) => x.id === p.id), 'reusable policy: list');
  const put = await access.policies.update(p.id, { account_id, name: 'ours', decision: 'allow', include: [{ everyone: {} }], require: [{ ip: { ip: '127.0.0.0/8' } }] });
  check(put.name === 'ours' && put.require.length === 1, 'reusable policy: update', put);
  const using = await access.applications.create({ account_id, type: 'self_hosted', name: 'using', domain: 'using.localhost', policies: [{ id: p.id, precedence: 1 }] });
  check(using.policies.length === 1 && using.policies[0].id === p.id, 'reusable policy: in an application', using.policies);
  await access.applications.delete(using.id, { account_id });
  check((await access.policies.delete(p.id, { account_id })).id === p.id, 'reusable policy: delete');
  await fails('reusable policy: deleted one', Cloudflare.NotFoundError, access.policies.get(p.id, { account_id }));
});

await part('service tokens', async () => {
  const t = await access.serviceTokens.create({ account_id, name: 'ci', duration: '8760h' });
  check(uuid.test(t.id) && t.client_id && t.client_secret && t.duration === '8760h', 'service token: created', { ...t, client_secret: '' });
  const list = await all(access.serviceTokens.list({ account_id }));
  check(list.length === 1 && !list[0].client_secret && stamp.test(list[0].expires_at), 'service token: list', list);
  check((await access.serviceTokens.update(t.id, { account_id, name: 'ci 2' })).name === 'ci 2', 'service token: update');
  const turned = await access.serviceTokens.rotate(t.id, { account_id });
  check(turned.client_id === t.client_id && turned.client_secret && turned.client_secret !== t.client_secret, 'service token: rotate');
  check((await access.serviceTokens.refresh(t.id, { account_id })).id === t.id, 'service token: refresh');
  check((await access.serviceTokens.get(t.id, { account_id })).name === 'ci 2', 'service token: get');
  check((await access.serviceTokens.delete(t.id, { account_id })).id === t.id, 'service token: delete');
  await fails('service token: deleted one', Cloudflare.NotFoundError, access.serviceTokens.get(t.id, { account_id }));
});

await part('API tokens', async () => {
  const t = await cf.user.tokens.create({ name: 'narrow', policies: [{ effect: 'allow', resources: { [`com.cloudflare.api.account.${account_id}`]: '*' },
    permission_groups: [{ id: 'access:read' }] }] });
  check(t.value && t.status === 'active' && uuid.test(t.id), 'API token: created', { ...t, value: '' });
  const narrow = client(t.value);
  check(Array.isArray(await all(narrow.zeroTrust.access.groups.list({ account_id }))), 'API token: reads');
  await fails('API token: does not write', Cloudflare.PermissionDeniedError, narrow.zeroTrust.access.groups.create({ account_id, name: 'x', include: [{ everyone: {} }] }));
  check((await all(cf.user.tokens.list())).some((x) => x.id === t.id && !x.value), 'API token: list');
  check((await cf.user.tokens.get(t.id)).name === 'narrow', 'API token: get');
  check((await cf.user.tokens.delete(t.id)).id === t.id, 'API token: delete');
  await fails('API token: deleted one', Cloudflare.AuthenticationError, narrow.user.tokens.verify());
});

await part('SSH CA', async () => {
  await fails('ca: none yet', Cloudflare.NotFoundError, access.applications.cas.get(app.id, { account_id }));
  const ca = await access.applications.cas.create(app.id, { account_id });
  check(ca.id && ca.aud === app.aud && /^(ssh-ed25519|ecdsa-sha2-nistp256) /.test(ca.public_key), 'ca: created', ca);
  check((await access.applications.cas.get(app.id, { account_id })).public_key === ca.public_key, 'ca: get');
  check((await all(access.applications.cas.list({ account_id }))).length === 1, 'ca: list');
  await access.applications.cas.delete(app.id, { account_id });
  check((await all(access.applications.cas.list({ account_id }))).length === 0, 'ca: deleted');
});

await part('tunnels', async () => {
  const t = await tunnels.cloudflared.create({ account_id, name: 'pool', config_src: 'cloudflare' });
  check(uuid.test(t.id) && t.account_tag === account_id && t.tun_type === 'cfd_tunnel' && t.status === 'inactive', 'tunnel: created', t);
  check(t.config_src === 'cloudflare' && t.deleted_at === null && Array.isArray(t.connections), 'tunnel: fields', t);
  check(t.credentials_file?.TunnelID === t.id && t.token, 'tunnel: credentials', t.credentials_file);
  const other = await tunnels.cloudflared.create({ account_id, name: 'other', tunnel_secret: Buffer.alloc(32, 7).toString('base64') });
  check((await all(tunnels.cloudflared.list({ account_id, per_page: 1 }))).length === 2, 'tunnel: list');
  const names = async (query) => (await all(tunnels.cloudflared.list({ account_id, ...query }))).map((x) => x.name).join();
  check(await names({ name: 'pool' }) === 'pool', 'tunnel: by name');
  check(await names({ include_prefix: 'po' }) === 'pool', 'tunnel: by prefix');
  check(await names({ exclude_prefix: 'po' }) === 'other', 'tunnel: without prefix');
  check(await names({ uuid: other.id }) === 'other', 'tunnel: by id');
  check(await names({ status: 'healthy' }) === '', 'tunnel: by status');
  const got = await tunnels.cloudflared.get(t.id, { account_id });
  check(got.name === 'pool' && !got.credentials_file, 'tunnel: get', got);
  check((await tunnels.cloudflared.edit(t.id, { account_id, name: 'pool 2' })).name === 'pool 2', 'tunnel: edit');
  check((await tunnels.cloudflared.token.get(t.id, { account_id })) === t.token, 'tunnel: token is the same string');
  const c = await tunnels.cloudflared.configurations.update(t.id, { account_id, config: { ingress: [{ hostname: 'web.localhost', service: 'http://127.0.0.1:1' },
    { hostname: '', service: 'http_status:404' }] } });
  check(c.tunnel_id === t.id && c.source === 'cloudflare' && c.config.ingress.length >= 1 && Number.isInteger(c.version), 'tunnel: configuration set', c);
  const c2 = await tunnels.cloudflared.configurations.get(t.id, { account_id });
  check(c2.config.ingress[0].hostname === 'web.localhost', 'tunnel: configuration', c2);
  check((await all(tunnels.cloudflared.connections.get(t.id, { account_id }))).length === 0, 'tunnel: connections');
  await fails('tunnel: no such connector', Cloudflare.NotFoundError, tunnels.cloudflared.connectors.get(other.id, { account_id, tunnel_id: t.id }));
  await tunnels.cloudflared.connections.delete(t.id, { account_id });
  await fails('tunnel: name taken', Cloudflare.ConflictError, tunnels.cloudflared.create({ account_id, name: 'other' }));
  const gone = await tunnels.cloudflared.delete(t.id, { account_id });
  check(gone.id === t.id && stamp.test(gone.deleted_at), 'tunnel: delete', gone);
  check(await names({ is_deleted: false }) === 'other' && await names({ is_deleted: true }) === 'pool 2', 'tunnel: deleted ones');
});

await part('organisation', async () => {
  const o = await organizations.list({ account_id });
  check(o.auth_domain === TEAM_HOST && o.deny_unmatched_requests === true && o.session_duration === '24h', 'organisation: get', o);
  const put = await organizations.update({ account_id, name: 'Team', session_duration: '12h', login_design: { header_text: 'Hello', background_color: '#102030' } });
  check(put.name === 'Team' && put.session_duration === '12h' && put.login_design.header_text === 'Hello', 'organisation: update', put);
  check((await organizations.list({ zone_id })).name === 'Team', 'organisation: by zone');
  await fails('organisation: its name is not ours to change', Cloudflare.BadRequestError, organizations.update({ account_id, auth_domain: 'evil.example' }));
  check((await organizations.revokeUsers({ account_id, email: PEOPLE })) === true, 'organisation: revoke a user');
});

await part('users, logs', async () => {
  check((await all(access.users.list({ account_id }))).length === 0, 'users: nobody yet');
  await fails('users: nobody of that id', Cloudflare.NotFoundError, access.users.get('f0000000-0000-8000-8000-000000000000', { account_id }));
  check(Array.isArray(await access.logs.accessRequests.list({ account_id, limit: 5, direction: 'desc' })), 'logs');
});

await part('keys', async () => {
  const k = await access.keys.get({ account_id });
  check(k.key_rotation_interval_days >= 21 && Number.isInteger(k.days_until_next_rotation) && stamp.test(k.last_key_rotation_at), 'keys: get', k);
  check((await access.keys.update({ account_id, key_rotation_interval_days: 30 })).key_rotation_interval_days === 30, 'keys: update');
});

await part('account', async () => {
  check((await all(cf.accounts.list())).map((x) => x.id).join() === account_id, 'accounts: list');
  check((await cf.accounts.get({ account_id })).id === account_id, 'accounts: get');
  check((await all(cf.zones.list())).map((x) => x.id).join() === zone_id, 'zones: list');
  check((await cf.zones.get({ zone_id })).account.id === account_id, 'zones: get');
  check(typeof (await cf.user.get()).id === 'string', 'user');
  check((await cf.user.tokens.verify()).status === 'active', 'token: verify');
});

await part('the rest goes', async () => {
  for (const a of await all(access.applications.list({ account_id }))) await access.applications.delete(a.id, { account_id });
  check((await all(access.applications.list({ account_id }))).length === 0, 'app: all gone');
});
report();
