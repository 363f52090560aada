import { redirect, type Handle, type HandleFetch, type HandleServerError } from '@sveltejs/kit';
import { askApi } from '$lib/server/api';
import { readToken } from '$lib/server/session';

const PUBLIC_ROUTES = new Set(['/login', '/healthz']);

export const handle: Handle = async ({ event, resolve }) => {
	event.locals.token = readToken(event);
	const open = event.route.id === null || PUBLIC_ROUTES.has(event.route.id);
	if (!open && !event.locals.token) redirect(303, '/login');
	const response = await resolve(event);
	// Pages behind a session must not stay in a shared or back-button cache.
	if (!open) response.headers.set('cache-control', 'no-store');
	return response;
};

// Houdini runs on the server only, so the token never reaches the browser's scripts.
export const handleFetch: HandleFetch = async ({ event, request, fetch }) =>
	new URL(request.url).pathname === '/graphql'
		? askApi(event, await request.text())
		: fetch(request);

export const handleError: HandleServerError = ({ error, status }) => {
	if (status !== 404) console.error(error);
	return { message: status === 404 ? 'There is no such page.' : 'Something went wrong on our side.' };
};
