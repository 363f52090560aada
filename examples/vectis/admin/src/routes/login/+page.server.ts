import { fail, redirect } from '@sveltejs/kit';
import { SignInStore } from '$houdini';
import { refusal } from '$lib/server/api';
import { startSession } from '$lib/server/session';
import type { Actions, PageServerLoad } from './$types';

const NOTICES = new Map([
	['expired', 'Your session has ended. Please sign in again.'],
	['forbidden', 'This account may not use the admin. Please sign in with another one.']
]);

export const load: PageServerLoad = ({ url }) => ({
	notice: NOTICES.get(url.searchParams.get('why') ?? '') ?? null
});

export const actions: Actions = {
	default: async (event) => {
		const form = await event.request.formData();
		const email = String(form.get('email') ?? '').trim();
		const password = String(form.get('password') ?? '');
		if (!email || !password) return fail(400, { email, message: 'Enter your email and password.' });

		const { data, errors } = await new SignInStore().mutate({ email, password }, { event });
		if (errors && refusal(errors)) {
			return fail(400, { email, message: 'Email or password is not right.' });
		}
		if (errors || !data) {
			if (errors) console.error('API:', errors.map((e) => e.message).join('; '));
			return fail(503, { email, message: 'Sign-in is not available right now. Please try again.' });
		}
		startSession(event, data.signIn.token, new Date(data.signIn.expiresAt));
		// Always the start page: a target taken from the request would be an open redirect.
		redirect(303, '/');
	}
};
