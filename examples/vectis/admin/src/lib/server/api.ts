import { env } from '$env/dynamic/private';
import type { RequestEvent } from '@sveltejs/kit';
import { reason } from './reason';
import { visitorAddress } from './visitor';

const TIMEOUT_MS = 10_000;
const UPLOAD_TIMEOUT_MS = 120_000;

export type ApiError = { message: string; extensions?: { code?: string } };

const failed = (status: number, code: string, message: string): Response =>
	Response.json({ data: null, errors: [{ message, extensions: { code } }] }, { status });

async function call(event: RequestEvent, path: string, body: BodyInit, type: string | null, ms: number) {
	// Fresh headers: nothing the browser sent (cookies, forged X-Forwarded-For) reaches the API.
	const headers = new Headers({ accept: 'application/json' });
	if (type) headers.set('content-type', type);
	const address = visitorAddress(event);
	if (address) headers.set('x-forwarded-for', address);
	if (event.locals.token) headers.set('authorization', `Bearer ${event.locals.token}`);
	const url = new URL(path, env.API_URL || 'http://localhost:8000/graphql');
	const signal = AbortSignal.timeout(ms);
	try {
		return await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal });
	} catch (cause) {
		console.error(`API not reachable: ${reason(cause)}`);
		return null;
	}
}

/** Sends a GraphQL request body to the API; the answer is always GraphQL JSON. */
export async function askApi(event: RequestEvent, body: string): Promise<Response> {
	const answer = await call(event, '', body, 'application/json', TIMEOUT_MS);
	if (answer?.status === 401) return failed(401, 'UNAUTHENTICATED', 'Not signed in.');
	const type = answer?.headers.get('content-type') ?? '';
	if (answer && answer.status < 500 && type.includes('json')) {
		const text = await answer.text().catch(() => null);
		if (text !== null) return new Response(text, { status: answer.status, headers: { 'content-type': type } });
	}
	if (answer) console.error(`API answered ${answer.status} ${type}`);
	return failed(503, 'UNAVAILABLE', 'The API is not reachable.');
}

/** Hands a file to the API; null when it is not reachable. */
export function sendUpload(event: RequestEvent, file: File): Promise<Response | null> {
	const form = new FormData();
	form.set('file', file, file.name);
	return call(event, '/uploads', form, null, UPLOAD_TIMEOUT_MS);
}

const hasCode = (errors: readonly ApiError[], code: string) =>
	errors.some(({ extensions }) => extensions?.code === code);

/** Why the API no longer takes the session, or null when the errors are about something else. */
export function refusal(errors: readonly ApiError[]): 'expired' | 'forbidden' | null {
	if (hasCode(errors, 'UNAUTHENTICATED')) return 'expired';
	return hasCode(errors, 'FORBIDDEN') ? 'forbidden' : null;
}

export const isDown = (errors: readonly ApiError[]) => hasCode(errors, 'UNAVAILABLE');
