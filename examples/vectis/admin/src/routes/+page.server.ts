import { error, fail, redirect } from '@sveltejs/kit';
import { SaveSettingStore, SettingsHealthStore } from '$houdini';
import { isDown, refusal, sendUpload } from '$lib/server/api';
import { endSession, signInAgain } from '$lib/server/session';
import { uploadLink, uploadProblem } from '$lib/server/upload';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	const { data, errors } = await new SettingsHealthStore().fetch({ event });
	const refused = errors && refusal(errors);
	if (refused) signInAgain(event, refused);
	if (errors) console.error('API:', errors.map((e) => e.message).join('; '));
	if (errors || !data) error(503, 'The API does not answer. Please try again in a minute.');
	return { settings: data.settings };
};

export const actions: Actions = {
	save: async (event) => {
		const form = await event.request.formData();
		const key = String(form.get('key') ?? '').trim();
		const value = String(form.get('value') ?? '');
		if (!key) return fail(400, { save: { ok: false, key, message: 'Enter the name of a setting.' } });

		const { data, errors } = await new SaveSettingStore().mutate({ key, value }, { event });
		const refused = errors && refusal(errors);
		if (refused) signInAgain(event, refused);
		if (errors || !data) {
			const message = errors?.[0]?.message ?? 'The setting was not saved.';
			return fail(errors && isDown(errors) ? 503 : 400, { save: { ok: false, key, message } });
		}
		return { save: { ok: true, key: '', message: `Saved ${data.saveSetting.key}.` } };
	},

	upload: async (event) => {
		const file = (await event.request.formData()).get('file');
		if (!(file instanceof File) || !file.name) {
			return fail(400, { upload: { link: null, message: 'Choose a file first.' } });
		}
		const answer = await sendUpload(event, file);
		if (answer?.status === 401) signInAgain(event, 'expired');
		if (answer?.status === 403) signInAgain(event, 'forbidden');
		const link = answer?.ok ? uploadLink(await answer.json().catch(() => null)) : null;
		if (!link) {
			const status = answer?.ok ? 502 : answer?.status;
			return fail(status ?? 503, { upload: { link, message: uploadProblem(status) } });
		}
		return { upload: { link, message: `Uploaded ${file.name}.` } };
	},

	signout: (event) => {
		endSession(event);
		redirect(303, '/login');
	}
};
