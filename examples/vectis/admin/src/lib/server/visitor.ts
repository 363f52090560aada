import type { RequestEvent } from '@sveltejs/kit';

/** The visitor's address for the API's X-Forwarded-For, or null when it is not known. */
export function visitorAddress(event: RequestEvent): string | null {
	try {
		// A dual-stack listener reports IPv4 visitors as ::ffff:a.b.c.d.
		return event.getClientAddress().replace(/^::ffff:/, '');
	} catch {
		// With ADDRESS_HEADER set, requests that bypass the proxy carry no address.
		return null;
	}
}
