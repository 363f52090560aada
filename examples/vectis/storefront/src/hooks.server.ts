import type { Handle, HandleFetch, HandleServerError } from '@sveltejs/kit';
import { askApi } from '$lib/server/api';

export const handle: Handle = ({ event, resolve }) =>
	resolve(event, {
		// Houdini reads it to tell a GraphQL error from a broken answer.
		filterSerializedResponseHeaders: (name) => name === 'content-type'
	});

export const handleFetch: HandleFetch = async ({ event, request, fetch }) =>
	new URL(request.url).pathname === '/graphql'
		? askApi(event, await request.text())
		: fetch(request);

export const handleError: HandleServerError = ({ error, status }) => {
	if (status !== 404) console.error(error);
	return { message: status === 404 ? 'There is no such page.' : 'Something went wrong on our side.' };
};
