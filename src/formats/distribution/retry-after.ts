/**
 * Milliseconds that `Retry-After` asks to wait: seconds, or an HTTP date (RFC 9110, section 10.2.3). 0 for a date that is
 * past, null for what is neither.
 */
export function retryAfterMs(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  if (!/^[A-Z][a-z]+, /.test(text)) return null;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
