import { env } from '$env/dynamic/public';

export function uploadProblem(status: number | undefined): string {
	if (status === undefined || status >= 500) return 'The upload is not available right now.';
	if (status === 413) return 'The file is too large.';
	if (status === 415) return 'Files of this type are not taken.';
	return 'The file was not accepted.';
}

/** The link a browser can follow, or null when the API's answer holds none. */
export function uploadLink(answer: unknown): string | null {
	const url = (answer as { url?: unknown } | null)?.url;
	if (typeof url !== 'string' || !url) return null;
	if (/^https?:\/\//i.test(url)) return url;
	// Only paths from here on: no javascript: and no //other.host.
	if (!/^\/(?![/\\])/.test(url)) return null;
	const origin = env.PUBLIC_API_BROWSER_ORIGIN;
	return origin ? new URL(url, origin).href : url;
}
