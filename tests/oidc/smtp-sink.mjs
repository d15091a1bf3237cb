// A real mail server for the end-to-end tests: smtp-server, on loopback. It takes every mail and prints one line of JSON for each:
// {"from", "to": [...], "tls", "user", "text"}. Prints "ready PORT" first.
//   node smtp-sink.mjs [plain | starttls | tls] [KEY.pem CERT.pem [USER PASSWORD]]
import fs from 'node:fs';
import { SMTPServer } from 'smtp-server';

const [, , kind = 'plain', key, cert, user, password] = process.argv;
const server = new SMTPServer({
  secure: kind === 'tls',
  hideSTARTTLS: kind === 'plain',
  disabledCommands: user ? [] : ['AUTH'],
  authOptional: !user,
  allowInsecureAuth: false,
  disableReverseLookup: true,
  ...(key ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : {}),
  onAuth(auth, session, done) {
    if (auth.username === user && auth.password === password) done(null, { user: auth.username });
    else done(new Error('Invalid username or password'));
  },
  onData(stream, session, done) {
    let text = '';
    stream.on('data', (d) => { text += d.toString('latin1'); });
    stream.on('end', () => {
      console.log(JSON.stringify({
        from: session.envelope.mailFrom.address, to: session.envelope.rcptTo.map((r) => r.address), tls: session.secure, user: session.user ?? '', text,
      }));
      done();
    });
  },
});
server.on('error', (e) => console.error(`error ${e.message}`));
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`ready ${server.server.address().port}`));
