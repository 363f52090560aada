import { env } from '$env/dynamic/private';
import type { RequestEvent } from '@sveltejs/kit';
import { reason } from './reason';
import { visitorAddress } from './visitor';

const TIMEOUT_MS = 10_000;

function unavailable(): Response {
	const errors = [{ message: 'The shop is not reachable.', extensions: { code: 'UNAVAILABLE' } }];
	return Response.json({ data: null, errors }, { status: 503 });
}

/** Sends a GraphQL request body to the API; the answer is always GraphQL JSON. */
export async function askApi(event: RequestEvent, body: string): Promise<Response> {
	// Fresh headers: nothing the browser sent (cookies, forged X-Forwarded-For) reaches the API.
	const headers = new Headers({ 'content-type': 'application/json', accept: 'application/json' });
	const address = visitorAddress(event);
	if (address) headers.set('x-forwarded-for', address);
	try {
		const answer = await fetch(env.API_URL || 'http://localhost:8000/graphql', {
			method: 'POST',
			headers,
			body,
			redirect: 'error',
			signal: AbortSignal.timeout(TIMEOUT_MS)
		});
		const type = answer.headers.get('content-type') ?? '';
		if (answer.status < 500 && type.includes('json')) {
			const answerHeaders = { 'content-type': type, 'cache-control': 'no-store' };
			return new Response(await answer.text(), { status: answer.status, headers: answerHeaders });
		}
		console.error(`API answered ${answer.status} ${type}`);
	} catch (cause) {
		console.error(`API not reachable: ${reason(cause)}`);
	}
	return unavailable();
}
