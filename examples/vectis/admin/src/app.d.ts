declare global {
	namespace App {
		interface Locals {
			token: string | null;
		}
		interface Session {}
		interface Metadata {}
	}
}

export {};
