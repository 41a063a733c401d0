// By which methods clients can authenticate as the server is set up. A client of another one may be on record all the same:
// the settings may follow, and another server on the database may have them.
import { type AuthMethod, authMethods } from '../domain/vocabulary.ts';

interface CertificateSettings {
  readonly clientCertProxies: { readonly length: number };
  readonly tlsClientAuthorities: { readonly length: number };
}

/**
 * Certificate methods are offered only if a proxy may hand certificates over; `tls_client_auth` also needs
 * authorities.
 */
export function methodsOffered({
  clientCertProxies,
  tlsClientAuthorities,
}: CertificateSettings): AuthMethod[] {
  const hasProxies = clientCertProxies.length > 0;
  const isOff = (method: AuthMethod) =>
    (method === 'self_signed_tls_client_auth' && !hasProxies) ||
    (method === 'tls_client_auth' && !(hasProxies && tlsClientAuthorities.length > 0));
  return authMethods.filter((method) => !isOff(method));
}

/** For operators, of clients whose method is not offered. */
export const notOffered =
  'cannot authenticate by certificate with these settings: set CLIENT_CERT_PROXIES, and for tls_client_auth TLS_CLIENT_CA_FILE, too';
