// How many files the process may have open. Each connection is one.

/** What `ulimit -n` says, as raised by Node at its start; Infinity where the system sets no limit, or does not tell. */
export function openFilesMax({ report }: NodeJS.Process): number {
  const { userLimits } = report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY;
}
