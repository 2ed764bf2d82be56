/** Returns whether a GET request gets a 2xx response within two seconds. Never throws. */
export async function isHttpOk(url: URL, headers: Record<string, string> = {}): Promise<boolean> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
