declare global {
	namespace App {
		interface PageData {
			shippingTo?: string | null;
		}
		interface Session {}
		interface Metadata {}
	}
}

export {};
