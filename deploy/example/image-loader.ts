// Every next/image of the app asks tintype at NEXT_PUBLIC_SUPABASE_URL.
export { default } from 'tintype/loader';
