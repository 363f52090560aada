/** What fetch failed on, in one line: its own message says only "fetch failed". */
export function reason(error: unknown): string {
	const cause = error instanceof Error && error.cause ? error.cause : error;
	if (!(cause instanceof Error)) return String(cause);
	return cause.message || (cause as NodeJS.ErrnoException).code || cause.name;
}
