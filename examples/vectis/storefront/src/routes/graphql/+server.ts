import { error } from '@sveltejs/kit';
import { askApi } from '$lib/server/api';
import type { RequestHandler } from './$types';

// The browser's way to the API, which itself need not be public.
export const POST: RequestHandler = async (event) => {
	// JSON only: a cross-site form cannot send it without the browser asking first.
	if (!event.request.headers.get('content-type')?.startsWith('application/json')) {
		error(415, 'GraphQL requests are JSON.');
	}
	return askApi(event, await event.request.text());
};
