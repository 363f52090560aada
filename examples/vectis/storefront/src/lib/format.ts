const LOCALE = 'en-GB';

export function price(cents: number, currency: string): string {
	return new Intl.NumberFormat(LOCALE, { style: 'currency', currency }).format(cents / 100);
}

export type Stock = { state: 'in' | 'low' | 'out'; label: string };

export function stockState(stock: number): Stock {
	if (stock <= 0) return { state: 'out', label: 'Sold out' };
	if (stock < 5) return { state: 'low', label: `Only ${stock} left` };
	return { state: 'in', label: 'In stock' };
}
