// Clients that authenticate by their TLS certificate, which a proxy passes on (RFC 8705, RFC 9440).
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestApp } from '../../helpers/app.ts';
import * as certificates from '../../helpers/certificates.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { sharedFolder } from '../../helpers/folders.ts';
import * as limited from '../../helpers/limited-certificates.ts';
import type { TestClient } from '../../helpers/requests.ts';

const authorityFile = join(sharedFolder(), 'ca.pem');
const { authority, oldAuthority, rsaAuthority } = limited;
writeFileSync(authorityFile, [certificates.root, authority, oldAuthority, rsaAuthority].join('\n'));
const behindProxy = { CLIENT_CERT_PROXIES: '127.0.0.1/32,::1', TLS_CLIENT_CA_FILE: authorityFile };

/** The same certificate with a kind of key that nobody knows; its signature no longer holds, but that is seen later. */
function withUnknownKey(pem: string): string {
  const der = new X509Certificate(pem).raw;
  const kinds = ['2a864886f70d010101', '2a8648ce3d0201'].map((oid) => Buffer.from(oid, 'hex'));
  for (const oid of kinds) {
    const at = der.indexOf(oid);
    if (at >= 0) der[at + oid.length - 1] = 0x63;
  }
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

async function withCertificate(
  app: TestApp,
  id: string,
  pem: string,
  ...chain: readonly string[]
): Promise<number> {
  const headers = {
    'Client-Cert': certificates.clientCert(pem),
    ...(chain.length === 0 ? {} : { 'Client-Cert-Chain': certificates.clientCert(...chain) }),
  };
  const { status } = await app.form('/introspect', { token: 'x', client_id: id }, undefined, { headers });
  return status;
}

testEachDatabase(
  'tls_client_auth: a certificate of a configured authority counts, by subject or alternative name',
  async (t, app) => {
    const names = [
      { kind: 'subject_dn', value: 'CN=client one,O=Acme\\, Inc.,C=DE' },
      { kind: 'subject_dn', value: 'cn=client one, o=Acme\\2c Inc., c=DE' },
      { kind: 'san_dns', value: 'CLIENT.example' },
      { kind: 'san_uri', value: 'spiffe://example/client' },
      { kind: 'san_ip', value: '192.0.2.9' },
      { kind: 'san_email', value: 'ops@example.com' },
    ] as const;
    for (const certificateName of names) {
      const { client_id: id } = await app.addClient({
        authMethod: 'tls_client_auth',
        certificateName,
        permissions: ['introspect'],
      });
      const { client, intermediate } = certificates;
      t.is(await withCertificate(app, id, client, intermediate), 200, certificateName.value);
    }
    const { client_id: id } = await app.addClient({
      authMethod: 'tls_client_auth',
      certificateName: names[0],
      permissions: ['introspect'],
    });
    const { client, intermediate, impostor, server, chained, root: other } = certificates;
    t.is(await withCertificate(app, id, client), 401, 'without its chain');
    t.is(await withCertificate(app, id, impostor), 401, 'of an authority of the same name');
    t.is(await withCertificate(app, id, impostor, other), 401);
    t.is(await withCertificate(app, id, client, withUnknownKey(intermediate)), 401, 'a key of no known kind');
    t.is(await withCertificate(app, id, server), 401, 'for servers only');
    t.is(await withCertificate(app, id, chained, client), 401, 'issued by what is no authority');
    t.is(await withCertificate(app, id, intermediate), 401, 'another subject');
    t.is(await withCertificate(app, id, certificates.noSubject), 401, 'no subject');
    const bare = await app.form('/introspect', { token: 'x', client_id: id });
    t.is(bare.status, 401, 'no certificate');
    for (const broken of ['', ':', ':!!:', ':AAAA:', 'AAAA', `:${'A'.repeat(4000)}:`]) {
      const headers = { 'Client-Cert': broken };
      const reply = await app.form('/introspect', { token: 'x', client_id: id }, undefined, { headers });
      t.is(reply.status, 401, broken);
    }
    const dn = { kind: 'subject_dn', value: 'CN=client one,C=DE' } as const;
    const fewer = await app.addClient({
      authMethod: 'tls_client_auth',
      certificateName: dn,
      permissions: ['introspect'],
    });
    t.is(
      await withCertificate(app, fewer.client_id, client, intermediate),
      401,
      'a subject with fewer names',
    );
    const endOf = (pem: string) => Date.parse(new X509Certificate(pem).validTo);
    const lastSecond = Math.min(endOf(client), endOf(intermediate));
    app.clock.now = lastSecond + 999;
    t.is(await withCertificate(app, id, client, intermediate), 200, 'in its last second');
    app.clock.now = lastSecond + 1000;
    t.is(await withCertificate(app, id, client, intermediate), 401, 'expired');
  },
  behindProxy,
);

testEachDatabase(
  'tls_client_auth: a certificate counts within the limits that it and its authorities state',
  async (t, app) => {
    const { client_id: id } = await app.addClient({
      authMethod: 'tls_client_auth',
      certificateName: { kind: 'san_dns', value: 'edge.example' },
      permissions: ['introspect'],
    });
    t.is(await withCertificate(app, id, limited.signing), 200);
    t.is(await withCertificate(app, id, limited.underShort, limited.short), 200);
    t.is(
      await withCertificate(app, id, limited.underOld),
      200,
      'nobody relies on the signature of an authority',
    );
    t.is(await withCertificate(app, id, limited.pssSha256), 200);
    t.is(await withCertificate(app, id, limited.pssSha1), 401);
    t.is(await withCertificate(app, id, limited.underNamed, limited.named), 401, 'name constraints');
    const { underBelow, below, short } = limited;
    t.is(await withCertificate(app, id, underBelow, below, short), 401, 'an authority too many');
    t.is(await withCertificate(app, id, limited.underForServers, limited.forServers), 401, 'usage');
    t.is(await withCertificate(app, id, limited.strange), 401, 'an unknown critical extension');
    t.is(await withCertificate(app, id, limited.sha1), 401, 'a weak signature');
    t.is(await withCertificate(app, id, limited.encipherment), 401, 'a key that may not sign');
  },
  behindProxy,
);

testEachDatabase(
  'tls_client_auth: each certificate of a chain is looked at once, however many vouch for each other',
  async (t, app) => {
    const { client_id: id } = await app.addClient({
      authMethod: 'tls_client_auth',
      certificateName: { kind: 'subject_dn', value: 'CN=self' },
      permissions: ['introspect'],
    });
    // One way after the other through these would take hours.
    const ring = Array.from({ length: 10 }, () => certificates.selfSigned);
    t.is(await withCertificate(app, id, certificates.selfSigned, ...ring), 401);
  },
  behindProxy,
);

testEachDatabase(
  'self_signed_tls_client_auth: a certificate counts by the key that the client registered',
  async (t, app) => {
    const keyOf = (pem: string) =>
      new X509Certificate(pem).publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
    const add = (jwk: Record<string, unknown>) =>
      app.addClient({
        authMethod: 'self_signed_tls_client_auth',
        keys: { kind: 'jwks', keys: [jwk] },
        permissions: ['introspect'],
      });
    const { client_id: id } = await add(keyOf(certificates.selfSigned));
    t.is(await withCertificate(app, id, certificates.selfSigned), 200);
    t.is(await withCertificate(app, id, certificates.client), 401);
    t.is(await withCertificate(app, id, certificates.unusualCurve), 401, 'a key that is no JWK');
    const other = new X509Certificate(certificates.client).raw.toString('base64');
    const pinned = await add({ ...keyOf(certificates.selfSigned), x5c: [other] });
    t.is(await withCertificate(app, pinned.client_id, certificates.selfSigned), 401, 'x5c is of another');
  },
  behindProxy,
);

function addNamedClient(app: TestApp): Promise<TestClient> {
  const certificateName = { kind: 'san_dns', value: 'client.example' } as const;
  return app.addClient({ authMethod: 'tls_client_auth', certificateName, permissions: ['introspect'] });
}

testEachDatabase('Client-Cert from a peer that is not configured is ignored', async (t, app) => {
  const { client_id: id } = await addNamedClient(app);
  t.is(await withCertificate(app, id, certificates.client, certificates.intermediate), 401);
});

testEachDatabase(
  'without TLS_CLIENT_CA_FILE tls_client_auth is off',
  async (t, app) => {
    const { client_id: id } = await addNamedClient(app);
    t.is(await withCertificate(app, id, certificates.client, certificates.intermediate), 401);
  },
  { CLIENT_CERT_PROXIES: '127.0.0.1' },
);
