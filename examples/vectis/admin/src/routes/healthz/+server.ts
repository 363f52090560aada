import { text } from '@sveltejs/kit';

// Liveness only: it says that this process answers, nothing about the API.
export const GET = () => text('ok\n', { headers: { 'cache-control': 'no-store' } });
