// The histogram of request times, as a Prometheus server reads it.
import test from 'ava';
import { Registry } from 'prom-client';
import { exposeTimes, RequestTimes } from '../../../src/http/ops/request-times.ts';

test('buckets hold all requests that took as long at most, by route', async (t) => {
  const registry = new Registry();
  const [revoke, logout] = [new RequestTimes(), new RequestTimes()];
  exposeTimes(
    registry,
    new Map([
      ['/revoke', revoke],
      ['/logout', logout],
    ]),
  );
  for (const seconds of [0.0004, 0.001, 0.0011, 0.3, 5, 60]) revoke.observe(seconds);
  logout.observe(0);
  const lines = (await registry.metrics()).split('\n');
  const sampleOf = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1];
  const bucket = (le: string) =>
    sampleOf(`revocation_http_request_seconds_bucket{le="${le}",route="/revoke"}`);
  t.is(bucket('0.001'), '2');
  t.is(bucket('0.0025'), '3');
  t.is(bucket('0.25'), '3');
  t.is(bucket('0.5'), '4');
  t.is(bucket('5'), '5');
  t.is(bucket('+Inf'), '6');
  t.is(sampleOf('revocation_http_request_seconds_count{route="/revoke"}'), '6');
  t.is(Number(sampleOf('revocation_http_request_seconds_sum{route="/revoke"}')).toFixed(4), '65.3025');
  t.is(sampleOf('revocation_http_request_seconds_count{route="/logout"}'), '1');
  t.true(lines.includes('# TYPE revocation_http_request_seconds histogram'));
});
