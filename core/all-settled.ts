/**
 * Waits until all work has ended, so that its resources can be closed. @throws the first failure in
 * list order
 */
export async function allSettled(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
