import { redirect, type RequestEvent } from '@sveltejs/kit';

const COOKIE = 'vectis_session';

export const readToken = ({ cookies }: RequestEvent): string | null => cookies.get(COOKIE) || null;

function attributes({ url }: RequestEvent) {
	// Decided by the origin the browser sees: a Secure cookie would be lost on plain http.
	const secure = url.protocol === 'https:';
	return { path: '/', httpOnly: true, sameSite: 'lax', secure } as const;
}

export function startSession(event: RequestEvent, token: string, expires: Date): void {
	event.cookies.set(COOKIE, token, { ...attributes(event), expires });
}

export function endSession(event: RequestEvent): void {
	event.cookies.delete(COOKIE, attributes(event));
}

/** For an answer that says the API no longer takes this token, or not for this. */
export function signInAgain(event: RequestEvent, why: 'expired' | 'forbidden'): never {
	endSession(event);
	redirect(303, `/login?why=${why}`);
}
