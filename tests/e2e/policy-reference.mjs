// What a policy means, said a second time and slowly: the other opinion of policy-matrix.mjs. Written from the documented semantics
// (Include any, Require all, Exclude none; bypass and service auth first; the first match decides; default deny; what is unknown never
// opens and always blocks), not from the C evaluator. A rule that cannot be decided is tried both ways: a policy is certain when every
// way agrees.

// Does this one rule hold? true, false, or undefined when it cannot be known.
export function rule(r, s, world) {
  const [name] = Object.keys(r);
  const v = r[name];
  const person = s.email !== undefined;
  const ask = (f) => (person ? f() : undefined);
  const ofProvider = (f) => ask(() => (v.identity_provider_id && v.identity_provider_id !== s.idp ? false : f()));
  switch (name) {
    case 'everyone': return true;
    case 'email': return ask(() => s.email === v.email.toLowerCase());
    case 'email_domain': return ask(() => s.email.split('@')[1] === v.domain.toLowerCase());
    case 'email_list': return ask(() => world.lists[v.id].includes(s.email));
    case 'ip': return inside(s.ip, v.ip);
    case 'ip_list': return world.lists[v.id].some((net) => inside(s.ip, net));
    case 'geo': return s.country === undefined ? undefined : s.country === v.country_code;
    case 'group': return together(world.groups[v.id], (x) => rule(x, s, world));
    case 'login_method': return ask(() => s.idp === v.id);
    case 'auth_method': return ask(() => s.amr.includes(v.auth_method));
    case 'oidc': return ofProvider(() => [].concat(s.claims[v.claim_name] ?? []).map(String).includes(v.claim_value));
    case 'okta': return ofProvider(() => s.claims.groups.includes(v.name));
    case 'gsuite': return ofProvider(() => s.claims.groups.includes(v.email));
    case 'azure_ad': return ofProvider(() => s.claims.groups.includes(v.id));
    case 'github_organization': return ofProvider(() => s.claims.groups.includes(v.team ? `${v.name}/${v.team}` : v.name));
    case 'external_evaluation': return undefined; // there it is asked of nobody who answers; external-evaluation.sh has the answers
    case 'service_token': return s.service === v.token_id;
    case 'any_valid_service_token': return s.service !== undefined;
    case 'certificate': return s.elsewhere ? undefined : s.cn !== undefined; // asked for at the application's own name alone
    case 'common_name': return s.elsewhere ? undefined : s.cn === v.common_name;
    default: throw new Error(`the reference does not know ${name}`);
  }
}

const number = (ip) => ip.split('.').reduce((n, x) => n * 256 + Number(x), 0);
function inside(ip, net) {
  const [base, bits = '32'] = net.split('/');
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(ip) / size) === Math.floor(number(base) / size);
}

// Every way in which the undecided rules of a set could turn out. -> true, false, or undefined when the ways disagree.
function together(set, value) {
  const lists = ['include', 'require', 'exclude'];
  const found = lists.flatMap((l) => (set[l] ?? []).map((r) => ({ l, v: value(r) })));
  const open = found.filter((f) => f.v === undefined);
  const answers = new Set();
  for (let way = 0; way < 2 ** open.length; way += 1) {
    let k = 0;
    const now = found.map((f) => ({ l: f.l, v: f.v === undefined ? Boolean((way >> k++) & 1) : f.v }));
    const of = (l) => now.filter((f) => f.l === l).map((f) => f.v);
    answers.add(of('include').includes(true) && !of('require').includes(false) && !of('exclude').includes(true));
  }
  return answers.size === 1 ? [...answers][0] : undefined;
}

// 'pass', 'deny' or 'login'.
export function verdict(app, s, world) {
  const value = (p) => together(p, (r) => rule(r, s, world));
  const kind = (...d) => app.policies.filter((p) => d.includes(p.decision));
  if (kind('bypass', 'non_identity').some((p) => value(p) === true)) return 'pass';
  if (s.service !== undefined) return 'deny'; // strict: credentials of a service never lead to a sign-in page
  for (const p of kind('allow', 'deny')) {
    const v = value(p);
    if (s.email === undefined) {
      if (p.decision === 'allow' && v !== false) return 'login';
      if (p.decision === 'deny' && v === true) return 'deny';
    } else {
      if (p.decision === 'allow' && v === true) return 'pass';
      if (p.decision === 'deny' && v !== false) return 'deny';
    }
  }
  return 'deny';
}
