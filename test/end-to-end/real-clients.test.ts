// Client libraries that know nothing of us find us by our metadata and speak every method they know:
// openid-client and oauth4webapi.
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { publicUrl, type TestApp } from '../helpers/app.ts';
import * as certificates from '../helpers/certificates.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { sharedFolder } from '../helpers/folders.ts';
import { newKey } from '../helpers/issuer.ts';

const folder = sharedFolder();
const authorityFile = join(folder, 'ca.pem');
writeFileSync(authorityFile, certificates.root);

const settings = {
  AUTHORIZATION_SERVER_METADATA: JSON.stringify({
    response_types_supported: ['code'],
    token_endpoint: 'https://as.example/token',
  }),
  SIGNING_KEYS_FILE: join(folder, 'signing-keys.json'),
  CLIENT_CERT_PROXIES: '127.0.0.1',
  TLS_CLIENT_CA_FILE: authorityFile,
};

/** What a proxy in front of us does: it has our public name, and hands certificates over. */
function throughProxy(app: TestApp, certificate?: string) {
  return (url: string, options: { headers: Record<string, string> }) => {
    const headers = new Headers(options.headers);
    const der = certificate && new X509Certificate(certificate).raw.toString('base64');
    if (der) headers.set('Client-Cert', `:${der}:`);
    return fetch(url.replace(publicUrl, app.url), { ...options, headers } as RequestInit);
  };
}

async function makeClients(app: TestApp) {
  const permissions = ['introspect:any'] as const;
  const key = await newKey('ES256', 'k1');
  const keys = { kind: 'jwks', keys: [key.jwk as Record<string, unknown>] } as const;
  const publicKey = new X509Certificate(certificates.selfSigned).publicKey.export({ format: 'jwk' });
  const own = { kind: 'jwks', keys: [publicKey as Record<string, unknown>] } as const;
  const san = { kind: 'san_dns', value: 'client.example' } as const;
  const root = certificates.direct;
  return {
    basic: await app.addClient({ permissions }),
    post: await app.addClient({ permissions, authMethod: 'client_secret_post' }),
    jwt: { ...(await app.addClient({ permissions, authMethod: 'private_key_jwt', keys })), key },
    self: await app.addClient({ permissions, authMethod: 'self_signed_tls_client_auth', keys: own }),
    tls: {
      ...(await app.addClient({ permissions, authMethod: 'tls_client_auth', certificateName: san })),
      root,
    },
    none: await app.addClient({ authMethod: 'none' }),
  };
}

testEachDatabase(
  'openid-client finds us and revokes and introspects with every method it speaks',
  async (t, app) => {
    const { basic, post, jwt, self, tls, none } = await makeClients(app);
    const ways: [string, string, openid.ClientAuth, string?][] = [
      ['client_secret_basic', basic.client_id, openid.ClientSecretBasic(basic.secret)],
      ['client_secret_post', post.client_id, openid.ClientSecretPost(post.secret)],
      ['private_key_jwt', jwt.client_id, openid.PrivateKeyJwt({ key: jwt.key.privateKey, kid: 'k1' })],
      ['self_signed_tls_client_auth', self.client_id, openid.TlsClientAuth(), certificates.selfSigned],
      ['tls_client_auth', tls.client_id, openid.TlsClientAuth(), tls.root],
      ['none', none.client_id, openid.None()],
    ];
    for (const [method, id, auth, certificate] of ways) {
      const config = await openid.discovery(new URL(publicUrl), id, {}, auth, {
        algorithm: 'oauth2',
        [openid.customFetch]: throughProxy(app, certificate),
        execute: [openid.allowInsecureRequests],
      });
      const token = await app.register({ client_id: id, sub: 'u1' });
      if (method !== 'none') {
        const answer = await openid.tokenIntrospection(config, token);
        t.like(answer, { active: true, client_id: id, sub: 'u1' }, method);
      }
      await openid.tokenRevocation(config, token);
      t.false(await app.isActive(token), method);
      if (method === 'none') continue;
      t.deepEqual(await openid.tokenIntrospection(config, token), { active: false });
    }
  },
  settings,
);

testEachDatabase(
  'oauth4webapi finds us, revokes, and verifies signed introspection answers by our keys',
  async (t, app) => {
    const { basic, jwt } = await makeClients(app);
    const issuer = new URL(publicUrl);
    const options = { [oauth.customFetch]: throughProxy(app) };
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options });
    const server = await oauth.processDiscoveryResponse(issuer, discovered);
    const ways: [string, oauth.ClientAuth][] = [
      [basic.client_id, oauth.ClientSecretBasic(basic.secret)],
      [jwt.client_id, oauth.PrivateKeyJwt({ key: jwt.key.privateKey, kid: 'k1' })],
    ];
    for (const [client_id, auth] of ways) {
      const client = { client_id, introspection_signed_response_alg: 'RS256' };
      const token = await app.register({ client_id, sub: 'u1' });
      const introspect = async () => {
        const signed = { ...options, requestJwtResponse: true };
        const response = await oauth.introspectionRequest(server, client, auth, token, signed);
        t.is(response.headers.get('content-type'), 'application/token-introspection+jwt');
        const answer = await oauth.processIntrospectionResponse(server, client, response);
        await oauth.validateApplicationLevelSignature(server, response, options);
        return answer;
      };
      t.like(await introspect(), { active: true, client_id, sub: 'u1' });
      const revoked = await oauth.revocationRequest(server, client, auth, token, options);
      t.is(await oauth.processRevocationResponse(revoked), undefined);
      t.deepEqual(await introspect(), { active: false });
    }
    const stranger = oauth.ClientSecretBasic('x'.repeat(40));
    const refused = await oauth.revocationRequest(
      server,
      { client_id: basic.client_id },
      stranger,
      'x',
      options,
    );
    await t.throwsAsync(oauth.processRevocationResponse(refused), {
      instanceOf: oauth.WWWAuthenticateChallengeError,
    });
  },
  settings,
);
